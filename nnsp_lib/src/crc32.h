/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32 as in zlib and Ethernet (reflected, polynomial 0xEDB88320). */
#ifndef NNSP_CRC32_H
#define NNSP_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continue a checksum over `bytes` bytes; the first call takes crc = 0. */
uint32_t nnsp_crc32(uint32_t crc, const void *data, size_t bytes);

#endif
