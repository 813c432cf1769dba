/* SPDX-License-Identifier: BSD-3-Clause */
/* What the microphone of an emulated board and its port share. */
#ifndef MICROPHONE_H
#define MICROPHONE_H

#include <stdbool.h>
#include <stdint.h>

/* Open the file that QEMU names. Returns the microphone's rate, 0 where there is no file. */
uint32_t microphone_open(void);

/* Before sleep: an interrupt when the next samples are due. False: they are, do not sleep. */
bool microphone_alarm(void);

/* After sleep. */
void microphone_awake(void);

#endif
