/* tinyml_slots.h: two slots of lasting memory, flash for instance, in which trained tensors survive a reset. */
#ifndef TINYML_SLOTS_H
#define TINYML_SLOTS_H

#include <stdint.h>

#define TINYML_CHUNK 32 /* bytes: a multiple of what flash is programmed in (8 on STM32L4, 16 on STM32U5, 32 on STM32H7) */

/* Each slot holds one blob, <PREFIX>_BLOB_BYTES, and can be erased without the other. Both functions return 0, or
 * anything else when the memory failed. What they wrote is read back through slot: they end when it can be read.
 */
typedef struct {
    const uint8_t *slot[2]; /* where a slot is read; null while there is none */

    /* Erase slot 0 or 1. Where no erasing is needed (FRAM, MRAM), overwrite its last TINYML_CHUNK bytes. */
    int (*erase)(void *context, int slot);

    /* Program TINYML_CHUNK bytes at a multiple of TINYML_CHUNK; offsets ascend, each comes once after an erase. */
    int (*program)(void *context, int slot, uint32_t offset, const uint8_t *chunk);

    void *context; /* handed on to both */
} tinyml_slots;

#endif
