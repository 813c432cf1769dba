/* SPDX-License-Identifier: BSD-3-Clause */
/* Take the noise out of a wav; the output lies in time with the input. */
#include <stdio.h>
#include <string.h>

#include "def_nn3_se.h"
#include "nnsp.h"

#define HOP NN3_SE_HOP
#define DELAY (NN3_SE_WINDOW - NN3_SE_HOP) /* samples that the enhancer's output comes late */

#define HEADER_BYTES 44
#define FORMAT 20 /* where 16 bytes of format stand in the header */

static uint64_t state[(NN3_SE_STATE_BYTES + 7) / 8];
static nnsp_enhancer enhancer;

/* The header to write, sizes still 0. Its format is the one to read, too: PCM, mono, 16000 Hz. */
static uint8_t header[] =
    "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data\0\0\0\0";

static uint32_t number(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void set_number(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static int refuse(const char *path, const char *what)
{
    fprintf(stderr, "enhance_wav: %s: %s; expected a wav of 16-bit mono samples at 16000 Hz\n",
            path, what);
    return 0;
}

/* Go to the first sample and return how many there are, or say what is wrong and return 0. */
static int32_t find_samples(FILE *wav, const char *path)
{
    uint8_t chunk[12], format[16] = {0};
    char what[80];
    if (fread(chunk, 12, 1, wav) != 1 || memcmp(chunk, "RIFF", 4) != 0 ||
        memcmp(chunk + 8, "WAVE", 4) != 0) {
        return refuse(path, "not a wav");
    }
    fseek(wav, 0, SEEK_END);
    const long end = ftell(wav);
    for (long at = 12; fseek(wav, at, SEEK_SET) == 0 && fread(chunk, 8, 1, wav) == 1;) {
        const uint32_t bytes = number(chunk + 4);
        if (bytes > INT32_MAX || (long)bytes > end - at - 8) {
            return refuse(path, "cut short");
        }
        if (memcmp(chunk, "fmt ", 4) == 0 && (bytes < 16 || fread(format, 16, 1, wav) != 1)) {
            return refuse(path, "damaged");
        }
        if (memcmp(chunk, "data", 4) == 0) {
            if (memcmp(format, header + FORMAT, 16) != 0) {
                snprintf(what, sizeof what, "format %d, %d channels, %d bits, %lu Hz",
                         format[0] | format[1] << 8, format[2] | format[3] << 8,
                         format[14] | format[15] << 8, (unsigned long)number(format + 4));
                return refuse(path, what);
            }
            return bytes < 2 || bytes % 2 ? refuse(path, "no whole samples") : (int32_t)(bytes / 2);
        }
        at += 8 + (long)bytes + (long)(bytes % 2);
    }
    return refuse(path, "no samples");
}

/* Enhance hop by hop. `at` is when the hop of output begins: what lies before 0 is the delay. */
static int enhance(FILE *in, FILE *out, int32_t samples)
{
    set_number(header + 4, HEADER_BYTES - 8 + 2 * (uint32_t)samples);
    set_number(header + HEADER_BYTES - 4, 2 * (uint32_t)samples);
    int good = fwrite(header, HEADER_BYTES, 1, out) == 1;
    int32_t unread = samples;
    for (int32_t at = -DELAY; good && at < samples; at += HOP) {
        int16_t hop[HOP] = {0}; /* after the recording, silence pushes the last samples out */
        const size_t count = (size_t)(unread < HOP ? unread : HOP);
        good = fread(hop, 2, count, in) == count &&
               nnsp_enhancer_process(&enhancer, hop, hop) == NNSP_OK;
        unread -= (int32_t)count;
        const int32_t first = at < 0 ? -at : 0, last = samples - at < HOP ? samples - at : HOP;
        if (first < last) {
            const size_t wanted = (size_t)(last - first);
            good = good && fwrite(hop + first, 2, wanted, out) == wanted;
        }
    }
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], argv[2]) == 0) {
        fputs("usage: enhance_wav IN.wav OUT.wav (two different files)\n", stderr);
        return 2;
    }
    const nnsp_status status = nnsp_enhancer_init(&enhancer, &nn3_se, state, sizeof state);
    if (status != NNSP_OK) {
        fprintf(stderr, "enhance_wav: %s\n", nnsp_status_text(status));
        return 1;
    }
    FILE *in = fopen(argv[1], "rb");
    if (in == NULL) {
        fprintf(stderr, "enhance_wav: %s: cannot be read; give the name of a wav\n", argv[1]);
        return 1;
    }
    const int32_t samples = find_samples(in, argv[1]);
    if (samples == 0) {
        return 1;
    }
    FILE *out = fopen(argv[2], "wb");
    if (out == NULL || !enhance(in, out, samples) || fclose(out) != 0) {
        fprintf(stderr, "enhance_wav: %s: cannot be written\n", argv[2]);
        return 1;
    }
    return 0;
}
