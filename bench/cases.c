/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What ./nnsp bench measures, one region after another: kernels on made-up data; the front end and
 * whole frames of the models on samples.bin. results.bin has the name of each region and a checksum
 * of its output.
 */
#include "crc32.h"
#include "files.h"
#include "kernels/kernels.h"
#include "layer.h"
#include "models.h" /* MODELS(MODEL): symbol, bytes of state, name of the architecture */
#include "nnsp.h"
#include "port.h"
#include "stream.h"

#define MEASURED_HOPS 100u
#define ROWS_MAX 512u
#define COLS_MAX 432u

typedef struct result {
    char name[48];
    uint32_t macs;
    uint32_t checksum;
    uint32_t stack; /* bytes below the caller's */
} result;

/* The plugin knows these by their addresses. */
void region_begin(void);
void region_end(void);
__asm(".thumb\n.syntax unified\n.text\n"
      ".global region_begin, region_end\n"
      ".type region_begin, %function\n.type region_end, %function\n"
      "region_begin: bx lr\n"
      "region_end: bx lr\n");

/* Paint the stack from `bottom` up to the caller's frame; count the words overwritten since. */
void stack_paint(uint32_t *bottom);
uint32_t stack_used(const uint32_t *bottom);
__asm(".global stack_paint, stack_used\n"
      ".type stack_paint, %function\n.type stack_used, %function\n"
      "stack_paint: mov r1, sp\n"
      "ldr r2, =0xA5A5A5A5\n"
      "1: cmp r0, r1\n bhs 2f\n str r2, [r0], #4\n b 1b\n"
      "2: bx lr\n"
      "stack_used: mov r1, sp\n"
      "ldr r2, =0xA5A5A5A5\n"
      "1: cmp r0, r1\n bhs 2f\n ldr r3, [r0]\n cmp r3, r2\n bne 2f\n adds r0, r0, #4\n b 1b\n"
      "2: subs r0, r1, r0\n bx lr\n"
      ".ltorg\n");

extern uint32_t stack_bottom[]; /* from the linker script */

#define MEASURE(name, macs, out, bytes, work) \
    do { \
        stack_paint(stack_bottom); \
        region_begin(); \
        work; \
        region_end(); \
        note((name), (macs), stack_used(stack_bottom), (out), (bytes)); \
    } while (0)

static result results[1024];
static size_t result_count;

static void note(const char *name, uint32_t macs, uint32_t stack, const void *out, size_t bytes)
{
    if (result_count == sizeof results / sizeof results[0] ||
        strlen(name) >= sizeof results[0].name) {
        leave(4);
    }
    result *r = &results[result_count++];
    memcpy(r->name, name, strlen(name));
    r->macs = macs;
    r->stack = stack;
    r->checksum = nnsp_crc32(0, out, bytes);
}

static uint32_t seed = 1;

/* low..high, by Numerical Recipes' linear congruences. */
static int32_t draw(int32_t low, int32_t high)
{
    seed = seed * 1664525u + 1013904223u;
    return low + (int32_t)((seed >> 8) % (uint32_t)(high - low + 1));
}

static void draw_s16(int16_t *x, size_t n, int32_t low, int32_t high)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = (int16_t)draw(low, high);
    }
}

#define ALIGNED __attribute__((aligned(8)))

static int8_t plain[2][ROWS_MAX * 256u];
static int32_t bias[ROWS_MAX];
static int16_t multiplier[2][ROWS_MAX];
static uint32_t stream[2 * STREAM_WORDS(ROWS_MAX, 128u)];
static ALIGNED int16_t x[COLS_MAX], y[ROWS_MAX];
static ALIGNED uint8_t layer_state[4096];
static ALIGNED int32_t spectrum[2 * 257];
static int16_t samples[64000];

static stream_matrix draw_matrix(int8_t *to, unsigned rows, unsigned cols)
{
    for (size_t i = 0; i < (size_t)rows * cols; i++) {
        to[i] = (int8_t)draw(-127, 127);
    }
    return (stream_matrix){to, rows, cols};
}

/* Weights of a layer, such that what goes into the activations spreads over some units around 0. */
static void draw_layer(unsigned rows, unsigned cols, unsigned units)
{
    const stream_matrix input = draw_matrix(plain[0], rows, cols);
    const stream_matrix recurrent = draw_matrix(plain[1], units ? rows : 0, units);
    for (unsigned r = 0; r < rows; r++) {
        bias[r] = draw(-1000000, 1000000);
    }
    draw_s16(multiplier[0], rows, 10000, 30000);
    draw_s16(multiplier[1], rows, 3000, 9000);
    stream_fill(stream, &input, bias, multiplier[0], units ? &recurrent : NULL, multiplier[1]);
    draw_s16(x, COLS_MAX, -8000, 8000);
    memset(y, 0, sizeof y);
}

static void fc(const char *name, unsigned cols, unsigned rows)
{
    draw_layer(rows, cols, 0);
    MEASURE(name, rows * cols, y, rows * sizeof *y,
            nnsp_matvec_s8_s16(stream, 24, x, rows, cols, y));
}

/* The third step: the state is no longer empty. */
static void lstm(const char *name, unsigned inputs, unsigned units)
{
    const nnsp_layer layer = {.weights = stream,
                              .inputs = (uint16_t)inputs,
                              .units = (uint16_t)units,
                              .kernel_size = 1,
                              .strides = 1,
                              .kind = NNSP_LSTM,
                              .activation = NNSP_TANH,
                              .in_frac = 15,
                              .out_frac = 15,
                              .shift = 24};
    static ALIGNED int16_t gates[ROWS_MAX];
    draw_layer(4 * units, inputs, units);
    memset(layer_state, 0, sizeof layer_state);
    nnsp_layer_step(&layer, layer_state, x, y, gates);
    nnsp_layer_step(&layer, layer_state, x, y, gates);
    MEASURE(name, 4 * units * (inputs + units), y, units * sizeof *y,
            nnsp_layer_step(&layer, layer_state, x, y, gates));
}

static void conv1d(const char *name, unsigned kernel_size, unsigned inputs, unsigned units)
{
    const nnsp_layer layer = {.weights = stream,
                              .inputs = (uint16_t)inputs,
                              .units = (uint16_t)units,
                              .kernel_size = (uint16_t)kernel_size,
                              .strides = 1,
                              .kind = NNSP_CONV1D,
                              .activation = NNSP_LINEAR,
                              .in_frac = 12,
                              .out_frac = 12,
                              .shift = 24};
    draw_layer(units, kernel_size * inputs, 0);
    memset(layer_state, 0, sizeof layer_state);
    for (unsigned i = 0; i < kernel_size; i++) {
        nnsp_layer_step(&layer, layer_state, x + i * inputs, y, NULL);
    }
    MEASURE(name, units * kernel_size * inputs, y, units * sizeof *y,
            nnsp_layer_step(&layer, layer_state, x, y, NULL));
}

static void elementwise(void)
{
    static int32_t c[72];
    static int16_t gates[4 * 72];
    draw_s16(x, 72, -16384, 16383);
    MEASURE("tanh_72", 0, x, 72 * sizeof *x, nnsp_tanh_s16(x, 72));
    draw_s16(x, 72, -16384, 16383);
    MEASURE("sigmoid_72", 0, x, 72 * sizeof *x, nnsp_sigmoid_s16(x, 72));
    draw_s16(x, 72, -32768, 32767);
    MEASURE("relu6_72", 0, x, 72 * sizeof *x, nnsp_relu6_s16(x, 72));
    for (unsigned i = 0; i < 72; i++) {
        c[i] = draw(-(1 << 23), 1 << 23);
    }
    draw_s16(gates, 4 * 72, 0, 32767);
    draw_s16(gates + 2 * 72, 72, -32767, 32767);
    MEASURE("lstm_update_72", 0, x, 72 * sizeof *x, nnsp_lstm_update_s16(gates, 72, c, x));
}

__attribute__((noinline)) static void log2_of_each(const uint64_t *power, unsigned n,
                                                   int32_t *level)
{
    for (unsigned i = 0; i < n; i++) {
        level[i] = nnsp_log2_u64(power[i]);
    }
}

/* Parts of the front end and all of it, on the samples that end at `now`. */
static void frontend(nnsp_frontend *fe, const int16_t *now)
{
    const nnsp_frontend_table *t = fe->table;
    static ALIGNED int16_t features[72], mask[264], out[160];
    static uint64_t power[72];
    static int32_t level[72], sum[480];
    if (t->window_size != 480 || t->hop != 160 || t->fft_size != 512 || t->features != 72 ||
        t->rising == NULL) {
        leave(5);
    }
    MEASURE("fft_256", 0, spectrum, sizeof spectrum, nnsp_fft_s32(spectrum, 8, t->twiddle));
    MEASURE("fft_512_forward", 0, spectrum, sizeof spectrum,
            nnsp_rfft_s32(fe->history, t->window, 480, t->window_shift, spectrum, 8, t->twiddle));
    for (unsigned i = 0; i < 72; i++) {
        power[i] = (uint64_t)draw(1, 1 << 23) << draw(0, 24);
    }
    MEASURE("log2_72", 0, level, sizeof level, log2_of_each(power, 72, level));
    draw_s16(x, 72, 0, 32767);
    MEASURE("band_mask_72", 0, mask, 257 * sizeof *mask,
            nnsp_band_mask_s16(x, 72, t->band_edge, t->rising, mask, 257));
    draw_s16(mask, 257, 0, 32767);
    MEASURE("fft_512_inverse", 0, spectrum, 256 * 2 * sizeof *spectrum,
            nnsp_irfft_s32(spectrum, mask, t->mask_floor, t->mask_shift, 8, t->twiddle));
    MEASURE("overlap_add_480", 0, out, sizeof out,
            nnsp_overlap_add_s32(sum, spectrum, t->window, 480, 160, t->output_shift, out));
    MEASURE("analyse_480_512", 0, fe->spectrum, sizeof spectrum, nnsp_frontend_analyse(fe, now));
    MEASURE("features_72", 0, features, sizeof features, nnsp_frontend_features(fe, features));
    MEASURE("synthesise_480_512", 0, out, sizeof out, nnsp_frontend_synthesise(fe, mask, out));
}

static uint32_t macs_of(const nnsp_network *network)
{
    uint32_t macs = 0, stride = 1;
    for (unsigned i = 0; i < network->layer_count; i++) {
        const nnsp_layer *layer = &network->layers[i];
        const int is_lstm = layer->kind == NNSP_LSTM;
        const uint32_t cols =
            (uint32_t)layer->inputs * layer->kernel_size + (is_lstm ? layer->units : 0u);
        stride *= layer->strides;
        macs += layer->units * (is_lstm ? 4u : 1u) * cols / stride;
    }
    return macs;
}

#define STATE(symbol, bytes, arch) uint64_t symbol[(bytes + 7) / 8];
static union {
    MODELS(STATE)
} states;

/* A stream of speech; its last MEASURED_HOPS hops are measured. */
static void frames(const char *name, const char *network_name, const nnsp_model *model,
                   size_t count, int with_frontend)
{
    static nnsp_enhancer enhancer;
    const size_t hop = model->frontend->hop, bins = model->frontend->fft_size / 2u + 1u;
    static ALIGNED int16_t out[2049];
    if (nnsp_enhancer_init(&enhancer, model, &states, sizeof states) != NNSP_OK ||
        count / hop < MEASURED_HOPS) {
        leave(6);
    }
    for (size_t i = 0; i < count / hop; i++) {
        if (i < count / hop - MEASURED_HOPS) {
            (void)nnsp_enhancer_process(&enhancer, samples + i * hop, out);
        } else {
            MEASURE(name, macs_of(model->network), out, hop * sizeof *out,
                    (void)nnsp_enhancer_process(&enhancer, samples + i * hop, out));
        }
    }
    /* The features stay where they are: one more step on the last. */
    MEASURE(network_name, macs_of(model->network), out, bins * sizeof *out,
            (void)nnsp_net_step(&enhancer.net, enhancer.features, out));
    if (with_frontend) {
        frontend(&enhancer.frontend, samples + (count / hop - 1) * hop);
    }
}

int main(void)
{
    const size_t count = read_file("samples.bin", samples, sizeof samples) / sizeof *samples;
    fc("fc_72_72", 72, 72);
    fc("fc_72_257", 72, 257);
    fc("fc_72_288", 72, 288);
    fc("fc_144_288", 144, 288);
    fc("fc_256_256", 256, 256);
    conv1d("conv1d_6x72_72", 6, 72, 72);
    lstm("lstm_72_72", 72, 72);
    lstm("lstm_128_128", 128, 128);
    elementwise();
    int first = 1;
#define FRAMES(symbol, bytes, arch) \
    frames("frame_" arch, "network_" arch, &symbol, count, first); \
    first = 0;
    MODELS(FRAMES)
    write_file("results.bin", results, result_count * sizeof *results);
    leave(0);
}

/* The board's startup asks for it. */
void app_fault(const char *what, uint32_t where, uint32_t status, uint32_t address)
{
    const uint32_t words[3] = {where, status, address};
    write_file("fault.bin", words, sizeof words);
    (void)what;
    leave(2);
}
