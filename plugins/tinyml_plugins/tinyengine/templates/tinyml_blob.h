/* tinyml_blob.h: trained tensors as a blob: a header, the tensors, a CRC-32 of both, and a mark that is written last.
 *
 * offset  bytes (numbers are little-endian)
 *      0      4  "TMLB"
 *      4      4  format, 1
 *      8      4  sequence number: of two valid blobs the newer one counts
 *     12      4  bytes of the tensors
 *     16     16  identity of network and update scheme
 *     32         tensors one behind the other, then zeros
 *     -8      4  CRC-32 (IEEE 802.3) of all before
 *     -4      4  "DONE"
 */
#ifndef TINYML_BLOB_H
#define TINYML_BLOB_H

#include "tinyml_arithmetic.h"
#include "tinyml_slots.h"

typedef struct {
    uint32_t offset; /* in the arena */
    uint32_t bytes;
} tinyml_blob_piece;

typedef struct {
    uint32_t size;                /* of the blob, a multiple of TINYML_CHUNK */
    uint8_t header[TINYML_CHUNK]; /* with sequence number 0 */
    const tinyml_blob_piece *pieces;
    uint32_t count; /* of pieces */
} tinyml_blob;

/* The first value of a tensor: rows of so many bytes from flash, size apart, or zeros where from is null. Where some
 * channels of a row are meant, they are listed.
 */
typedef struct {
    uint32_t offset; /* in the arena */
    uint32_t rows;
    uint32_t bytes; /* of a row */
    uint32_t size;
    const uint8_t *from;
    const uint16_t *channels;
} tinyml_blob_shipped;

#define TINYML_SEQUENCE 8
#define TINYML_CRC (TINYML_CHUNK - 8) /* in the last chunk */
#define TINYML_MARK (TINYML_CHUNK - 4)

static const uint8_t tinyml_blob_mark[4] = {'D', 'O', 'N', 'E'};

TINYML_SHARED uint32_t tinyml_crc32(uint32_t crc, const uint8_t *bytes, uint32_t count)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };

    crc = ~crc;
    for (uint32_t i = 0; i < count; ++i) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static inline uint32_t tinyml_blob_word(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline void tinyml_blob_put_word(uint8_t *bytes, uint32_t word)
{
    for (int i = 0; i < 4; ++i) {
        bytes[i] = (uint8_t)(word >> 8 * i);
    }
}

static inline int tinyml_blob_same(const uint8_t *left, const uint8_t *right, uint32_t count)
{
    for (uint32_t i = 0; i < count; ++i) {
        if (left[i] != right[i]) {
            return 0;
        }
    }
    return 1;
}

/* Whether the mark is there: not after an erase, and nowhere before the last chunk was programmed. */
TINYML_SHARED int tinyml_blob_marked(const tinyml_blob *blob, const uint8_t *data)
{
    return tinyml_blob_same(data + blob->size - TINYML_CHUNK + TINYML_MARK, tinyml_blob_mark, sizeof tinyml_blob_mark);
}

TINYML_SHARED int tinyml_blob_valid(const tinyml_blob *blob, const uint8_t *data)
{
    const uint32_t behind = TINYML_SEQUENCE + 4, checked = blob->size - TINYML_CHUNK + TINYML_CRC;

    return data != 0 && tinyml_blob_same(data, blob->header, TINYML_SEQUENCE) &&
           tinyml_blob_same(data + behind, blob->header + behind, TINYML_CHUNK - behind) && tinyml_blob_marked(blob, data) &&
           tinyml_crc32(0, data, checked) == tinyml_blob_word(data + checked);
}

/* Hand the blob on, chunk by chunk; 0, or what program returned. */
TINYML_SHARED int tinyml_blob_write(const tinyml_blob *blob, const uint8_t *arena, uint32_t sequence,
                                    const tinyml_slots *slots, int slot)
{
    uint32_t crc = 0, piece = 0, taken = 0;
    TINYML_ALIGNED(8) uint8_t chunk[TINYML_CHUNK];
    int status = 0;

    for (uint32_t offset = 0; offset < blob->size && status == 0; offset += TINYML_CHUNK) {
        const int last = offset + TINYML_CHUNK == blob->size;

        for (uint32_t i = 0; i < TINYML_CHUNK; ++i) {
            while (offset != 0 && piece < blob->count && taken == blob->pieces[piece].bytes) {
                ++piece;
                taken = 0;
            }
            if (offset == 0) {
                chunk[i] = blob->header[i];
            } else {
                chunk[i] = piece < blob->count ? arena[blob->pieces[piece].offset + taken++] : 0;
            }
        }
        if (offset == 0) {
            tinyml_blob_put_word(chunk + TINYML_SEQUENCE, sequence);
        }
        crc = tinyml_crc32(crc, chunk, last ? TINYML_CRC : TINYML_CHUNK);
        if (last) {
            tinyml_blob_put_word(chunk + TINYML_CRC, crc);
            for (uint32_t i = 0; i < sizeof tinyml_blob_mark; ++i) {
                chunk[TINYML_MARK + i] = tinyml_blob_mark[i];
            }
        }
        status = slots->program(slots->context, slot, offset, chunk);
    }
    return status;
}

/* Take over the tensors of a valid blob. */
TINYML_SHARED void tinyml_blob_read(const tinyml_blob *blob, uint8_t *arena, const uint8_t *data)
{
    data += TINYML_CHUNK;
    for (uint32_t piece = 0; piece < blob->count; ++piece) {
        for (uint32_t i = 0; i < blob->pieces[piece].bytes; ++i) {
            arena[blob->pieces[piece].offset + i] = *data++;
        }
    }
}

TINYML_SHARED void tinyml_blob_begin(const tinyml_blob_shipped *shipped, uint8_t *arena)
{
    uint8_t *to = arena + shipped->offset;

    for (uint32_t row = 0; row < shipped->rows; ++row) {
        for (uint32_t i = 0; i < shipped->bytes; ++i) {
            *to++ = shipped->from ? shipped->from[row * shipped->size + (shipped->channels ? shipped->channels[i] : i)] : 0;
        }
    }
}

/* The slot with the newest valid blob, -1 when there is none. */
TINYML_SHARED int tinyml_blob_newest(const tinyml_blob *blob, const tinyml_slots *slots)
{
    const int first = tinyml_blob_valid(blob, slots->slot[0]), second = tinyml_blob_valid(blob, slots->slot[1]);

    if (first && second) {
        const uint32_t later =
            tinyml_blob_word(slots->slot[1] + TINYML_SEQUENCE) - tinyml_blob_word(slots->slot[0] + TINYML_SEQUENCE);

        return later != 0 && later < 0x80000000u;
    }
    return second ? 1 : first - 1;
}

/* Write into the slot that does not hold the newest valid blob: 0, or 2 when the memory failed. */
TINYML_SHARED int tinyml_blob_save(const tinyml_blob *blob, const uint8_t *arena, const tinyml_slots *slots)
{
    const int newest = tinyml_blob_newest(blob, slots), slot = newest == 0;
    const uint32_t sequence = newest < 0 ? 1 : tinyml_blob_word(slots->slot[newest] + TINYML_SEQUENCE) + 1;

    if (slots->slot[slot] == 0 || slots->erase(slots->context, slot) != 0 ||
        tinyml_blob_marked(blob, slots->slot[slot]) || tinyml_blob_write(blob, arena, sequence, slots, slot) != 0 ||
        !tinyml_blob_valid(blob, slots->slot[slot])) {
        return 2;
    }
    return 0;
}

/* Slots in memory, of which there is one, for a blob that goes elsewhere. */
static inline int tinyml_blob_copy(void *context, int slot, uint32_t offset, const uint8_t *chunk)
{
    (void)slot;
    for (uint32_t i = 0; i < TINYML_CHUNK; ++i) {
        ((uint8_t *)context)[offset + i] = chunk[i];
    }
    return 0;
}

#endif
