/* Counts executed blocks for the emulator: Unicorn calls on_block at the head of each straight run of instructions.
   Compiled for the host, without a C library. The layout of struct counter is mirrored in block_hook.py. */
#include <stdint.h>

enum { LIMIT = 1, STRAY = 2, CHANGED = 4 };

struct counter {
    uint64_t *entries;    /* by context and halfword of code: how often the block that starts there was entered */
    uint64_t *falls;      /* of these, how often the next block followed in memory: its branch was not taken */
    uint16_t *contexts;   /* by halfword of code: the context that begins where this block is entered, 0 for none */
    uint32_t *sizes;      /* bytes of the block */
    uint32_t *lengths;    /* its instructions */
    const uint16_t *code; /* the code itself */
    uint32_t base;        /* address of the first halfword */
    uint32_t halfwords;
    uint32_t context;      /* the one running, 0 at the start */
    uint64_t previous;     /* of the last block entered, its place in the tables of counts */
    uint32_t previous_end; /* address after it; odd where there is none */
    uint64_t executed;     /* instructions entered since the call began */
    uint64_t limit;
    int (*stop)(void *engine);
    uint32_t reason; /* why the hook stopped the machine */
    uint32_t place;
};

static uint32_t length_of(const uint16_t *code, uint32_t halfwords)
{
    uint32_t length = 0;
    for (uint32_t i = 0; i < halfwords; length++) {
        i += (code[i] >> 11) >= 0x1d ? 2u : 1u; /* Armv7-M reference manual, A5.1: 0b11101 and above are 32 bits wide */
    }
    return length;
}

static void halt(void *engine, struct counter *c, uint32_t reason, uint32_t address)
{
    c->reason |= reason;
    c->place = address;
    c->stop(engine);
}

void on_block(void *engine, uint64_t address, uint32_t size, struct counter *c)
{
    uint32_t index = ((uint32_t)address - c->base) >> 1;
    if (__builtin_expect(index >= c->halfwords, 0)) {
        halt(engine, c, STRAY, (uint32_t)address);
        return;
    }
    if (c->contexts[index]) {
        c->context = c->contexts[index];
    }
    if (__builtin_expect(c->sizes[index] != size, 0)) {
        if (c->sizes[index]) {
            halt(engine, c, CHANGED, (uint32_t)address);
            return;
        }
        c->sizes[index] = size;
        c->lengths[index] = length_of(c->code + index, size >> 1);
    }
    if ((uint32_t)address == c->previous_end) {
        c->falls[c->previous]++;
    }
    c->previous = (uint64_t)c->context * c->halfwords + index;
    c->previous_end = (uint32_t)address + size;
    c->entries[c->previous]++;
    c->executed += c->lengths[index];
    if (__builtin_expect(c->executed > c->limit, 0)) {
        halt(engine, c, LIMIT, (uint32_t)address);
    }
}
