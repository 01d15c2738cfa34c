/* TCG plugin: counts executed blocks in a file that the Python side maps too. The layout is mirrored in counts.py.
   Prototypes by hand, because QEMU's header is rarely installed; they are the same in all versions of its interface. */
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct qemu_plugin_tb;
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned cpu, void *data),
                                                 int flags, void *data);

enum { STRAY = 1, CHANGED = 2 };

struct shape {
    uint32_t size;   /* bytes of the block that starts at this halfword */
    uint32_t length; /* its instructions */
};

struct count {
    uint64_t entries; /* how often a block was entered in a context */
    uint64_t falls;   /* of these, how often the next block followed in memory: its branch was not taken */
};

struct counts {
    uint32_t base; /* address of the first halfword of code */
    uint32_t halfwords;
    uint32_t ignored; /* address of the page of the runner's own instructions */
    uint32_t reason;  /* what went wrong, and where */
    uint32_t place;
    uint32_t context;  /* the one running, 0 at the start */
    uint64_t previous; /* of the last block entered, its place among the counts */
    uint64_t previous_end;
};

int qemu_plugin_version = PLUGIN_VERSION;
static struct counts *counts;
static struct shape *shapes;      /* by halfword of code */
static const uint16_t *code;      /* the code itself */
static const uint16_t *contexts;  /* by halfword of code: the context that begins where it is entered, 0 for none */
static struct count *by_context;  /* by context and halfword */
static pid_t parent;

static void on_block(unsigned cpu, void *data)
{
    const struct shape *const shape = data;
    const uint32_t index = (uint32_t)(shape - shapes);
    const uint64_t address = counts->base + 2u * (uint64_t)index;

    (void)cpu;
    if (contexts[index]) {
        counts->context = contexts[index];
    }
    if (address == counts->previous_end) {
        by_context[counts->previous].falls++;
    }
    counts->previous = (uint64_t)counts->context * counts->halfwords + index;
    counts->previous_end = address + shape->size;
    by_context[counts->previous].entries++;
}

/* Bytes of a run of instructions; QEMU 7 tells too many where one of 32 bits crosses into the next page. */
static uint32_t size_of(uint32_t index, uint32_t length)
{
    uint32_t at = index;

    for (; length != 0 && at < counts->halfwords; --length) {
        at += code[at] >> 11 >= 0x1d ? 2u : 1u; /* Armv7-M reference manual, A5.1 */
    }
    return 2 * (at - index);
}

static void on_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
    const uint64_t address = qemu_plugin_tb_vaddr(tb), index = (address - counts->base) >> 1;
    const uint32_t length = (uint32_t)qemu_plugin_tb_n_insns(tb);

    (void)id;
    if (address < counts->base || index >= counts->halfwords) {
        if (address >> 12 != counts->ignored >> 12) {
            counts->reason |= STRAY;
            counts->place = (uint32_t)address;
        }
        return;
    }
    struct shape *const block = shapes + index;
    const uint32_t size = size_of((uint32_t)index, length);
    if (block->length != 0 && block->length != length) {
        counts->reason |= CHANGED; /* blocks already counted would get another length */
        counts->place = (uint32_t)address;
        return;
    }
    block->size = size;
    block->length = length;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, 0, block);
}

/* A machine whose owner was killed must not stay behind. */
static void *watch(void *nothing)
{
    while (getppid() == parent) {
        sleep(1);
    }
    _exit(1);
    return nothing;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
    struct stat about;
    pthread_t thread;
    const int file = argc == 1 && strncmp(argv[0], "counts=", 7) == 0 ? open(argv[0] + 7, O_RDWR) : -1;

    (void)info;
    if (file < 0 || fstat(file, &about) != 0) {
        return 1;
    }
    counts = mmap(0, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    parent = getppid();
    if (counts == MAP_FAILED || pthread_create(&thread, 0, watch, 0) != 0) {
        return 1;
    }
    shapes = (struct shape *)(counts + 1);
    code = (const uint16_t *)(shapes + counts->halfwords);
    contexts = code + counts->halfwords;
    by_context = (struct count *)(contexts + counts->halfwords);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
