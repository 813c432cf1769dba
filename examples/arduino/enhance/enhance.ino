/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A microphone through the enhancer: the serial plotter shows the level before and after.
 * Choose the microphone in the next line:
 *   0  none: a tone in noise, which runs on any 32-bit board
 *   1  PDM: Nano 33 BLE Sense, Nano RP2040 Connect, Nicla
 *   2  I2S, 32 bits, left channel: boards whose core has the library I2S
 */
#define MICROPHONE 0

#include <nnsp.h>

#include "def_nn3_se.h"

#if MICROPHONE == 1
#include <PDM.h>
#elif MICROPHONE == 2
#include <I2S.h>
#endif

const int HOP = NN3_SE_HOP;   // samples: 10 ms at 16 kHz
const int HOPS_PER_LINE = 10; // of the plot

static uint64_t state[(NN3_SE_STATE_BYTES + 7) / 8];
static nnsp_enhancer enhancer;

#if MICROPHONE == 1

bool begin_microphone() {
  return PDM.begin(1, NN3_SE_RATE);
}

void read_hop(int16_t *hop) {
  size_t got = 0;
  while (got < HOP * sizeof(int16_t)) {
    got += PDM.read((uint8_t *)hop + got, HOP * sizeof(int16_t) - got);
  }
}

#elif MICROPHONE == 2

bool begin_microphone() {
  return I2S.begin(I2S_PHILIPS_MODE, NN3_SE_RATE, 32);
}

void read_hop(int16_t *hop) {
  for (int i = 0; i < HOP; i++) {
    int32_t pair[2]; // left and right, the sample in the upper bits
    size_t got = 0;
    while (got < sizeof pair) {
      got += I2S.read((uint8_t *)pair + got, sizeof pair - got);
    }
    hop[i] = (int16_t)(pair[0] >> 16);
  }
}

#else

bool begin_microphone() {
  return true;
}

void read_hop(int16_t *hop) {
  static uint32_t random_state = 1;
  static int at = 0;
  for (int i = 0; i < HOP; i++) {
    random_state = 1664525u * random_state + 1013904223u;
    const int noise = (int)(random_state >> 21) - 1024;
    at = (at + 1) % 32; // a square wave of 500 Hz
    hop[i] = (int16_t)(noise + (at < 16 ? 1000 : -1000));
  }
}

#endif

// Mean of the absolute samples.
int level(const int16_t *hop) {
  int32_t sum = 0;
  for (int i = 0; i < HOP; i++) {
    sum += hop[i] < 0 ? -hop[i] : hop[i];
  }
  return (int)(sum / HOP);
}

void stop(const char *sentence) {
  for (;;) {
    Serial.println(sentence);
    delay(1000);
  }
}

void setup() {
  Serial.begin(115200);
  const nnsp_status status = nnsp_enhancer_init(&enhancer, &nn3_se, state, sizeof state);
  if (status != NNSP_OK) {
    stop(nnsp_status_text(status));
  }
  if (!begin_microphone()) {
    stop("the microphone does not start");
  }
}

void loop() {
  static unsigned hops = 0;
  int16_t hop[HOP];
  read_hop(hop);
  const int before = level(hop);
  nnsp_enhancer_process(&enhancer, hop, hop); // cannot fail after a good init
  if (++hops % HOPS_PER_LINE == 0) {
    Serial.print("before:");
    Serial.print(before);
    Serial.print(",after:");
    Serial.println(level(hop));
  }
}
