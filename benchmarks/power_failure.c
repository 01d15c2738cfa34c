/* power_failure.c: the generated step "model" with two slots of flash-like memory whose power fails after so many bytes.
 *
 * Erasing sets the bits of a byte, programming only clears some. When no more bytes may be written, the byte at hand is
 * torn, some of its bits changed and some not, and the program stops where it is.
 */
#include "model.h"

#define CHANGED(from, to, mask) (uint8_t)(((from) & ~(mask)) | ((to) & (mask)))

__attribute__((aligned(MODEL_ARENA_ALIGNMENT))) unsigned char model_arena[MODEL_ARENA_BYTES];
uint8_t power_slots[2][MODEL_BLOB_BYTES];
volatile uint32_t power_left; /* bytes that may still be written */
volatile uint8_t power_torn;  /* the bits of the byte at hand that change all the same */

__attribute__((noinline)) int power_save(void);
__attribute__((noinline)) int power_restore(void);

static void change(uint8_t *byte, uint8_t to)
{
    if (power_left == 0) {
        *(volatile uint8_t *)byte = CHANGED(*byte, to, power_torn);
        __builtin_trap();
    }
    --power_left;
    *(volatile uint8_t *)byte = to;
}

static int erase(void *context, int slot)
{
    (void)context;
    for (uint32_t i = 0; i < MODEL_BLOB_BYTES; ++i) {
        change(&power_slots[slot][i], 0xff);
    }
    return 0;
}

static int program(void *context, int slot, uint32_t offset, const uint8_t *chunk)
{
    (void)context;
    for (uint32_t i = 0; i < TINYML_CHUNK; ++i) {
        uint8_t *const byte = &power_slots[slot][offset + i];

        change(byte, *byte & chunk[i]);
    }
    return 0;
}

static const tinyml_slots memory = {{power_slots[0], power_slots[1]}, erase, program, 0};

int power_save(void)
{
    return model_save(model_arena, &memory);
}

int power_restore(void)
{
    return model_restore(model_arena, &memory);
}

int main(void)
{
    int status = power_restore() == 0 ? 0 : model_reset(model_arena);

#ifdef MODEL_SAMPLES
    status |= model_accumulate(model_arena);
#endif
    if (status == 0) {
        status = model_predict(model_arena) | model_invoke(model_arena);
    }
    model_export(model_arena, 1, power_slots[0]);
    model_import(model_arena, power_slots[0], MODEL_BLOB_BYTES);
    return status ? status : power_save();
}
