/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the app remembers of a conversation with its host, and how large its frames are;
 * docs/link.md has what is in them.
 */
#ifndef SESSION_H
#define SESSION_H

#include "link.h"
#include "networks.h"
#include "outbox.h"
#include "port.h"
#include "samples.h"
#include "text.h"

#define CREDITS_MAX 4u
#define AUDIO_BYTES (2u * MODEL_HOP)
#define RESULT_BYTES (8u + AUDIO_BYTES)
#define START_BYTES 7u
#define START_LIVE_BYTES 9u
#define SET_BYTES 6u
#define STATS_BYTES 64u
#define EVENT_BYTES 11u
#define SCORES_BYTES (NETWORKS_CLASSIFIERS + 2u * NETWORKS_SCORES)
#define LIVE_HEAD_BYTES 13u
#define LIVE_STREAMS (LINK_STREAM_RAW | LINK_STREAM_ENHANCED)
#define LIVE_BYTES (LIVE_HEAD_BYTES + 2u * AUDIO_BYTES)
#define HELLO_BYTES \
    (23u + 3u * (1u + TEXT_BYTES) + NETWORKS_COUNT * (18u + 1u + TEXT_BYTES) + NETWORKS_TEXT_BYTES)
#define REPLY_BYTES (HELLO_BYTES > RESULT_BYTES ? HELLO_BYTES : RESULT_BYTES)
#define RECEIVE_BYTES (AUDIO_BYTES > START_LIVE_BYTES ? AUDIO_BYTES : START_LIVE_BYTES)

/*
 * The credits bound the RESULTs. Room for these, and for one answer, is reserved: nothing else may
 * use it.
 */
#define RESULTS_ROOM (CREDITS_MAX * LINK_WIRE_BYTES(RESULT_BYTES))
#define REPLY_ROOM LINK_WIRE_BYTES(REPLY_BYTES)
/*
 * EVENTs and SCORES are sent before the RESULT of their hop, so the credits bound them, too.
 */
#define DECISIONS_ROOM \
    (NETWORKS_CLASSIFIERS * LINK_WIRE_BYTES(EVENT_BYTES) + \
     (NETWORKS_CLASSIFIERS != 0) * LINK_WIRE_BYTES(SCORES_BYTES))
/* Twice the RESULTs, so that a reply need not wait for them to leave. */
#define OUTBOX_BYTES (2u * RESULTS_ROOM + REPLY_ROOM + CREDITS_MAX * DECISIONS_ROOM)

typedef struct counters {
    uint32_t frames;  /* good frames of any type */
    uint32_t hops;    /* hops processed, silence for lost ones included */
    uint32_t lost;    /* hops that did not arrive */
    uint32_t doubled; /* AUDIO of a hop already answered */
    uint32_t broken;  /* frames that could not be read */
    uint32_t refused; /* good frames answered with an ERROR */
    uint32_t overrun; /* bytes that the board had lost on the way in when counting began */
    uint32_t worst;   /* most work for one hop */
    uint32_t late;    /* live hops that were not finished when the next was due */
    uint32_t events;  /* EVENTs, sent or not */
    uint32_t rested;  /* hops in which the gate was closed */
} counters;

typedef enum stream_mode { IDLE, EVALUATION, LIVE } stream_mode;

typedef struct session {
    const port_facts *facts;
    networks networks;
    nnsp_status ready;
    const nnsp_model *refused; /* by the library, where it is not ready */
    link_parser parser;
    outbox out;
    counters count;
    uint32_t next_hop;
    uint32_t silenced; /* bit i: hop next_hop - 1 - i was lost */
    uint32_t start_sequence;
    uint32_t stop_sequence;
    uint32_t set_sequence;
    uint32_t set_hop;         /* from which on the last SET holds */
    uint32_t microphone_lost; /* what port_microphone_lost() said last */
    uint32_t lost_samples;    /* by the microphone, and not yet made up to whole hops */
    stream_mode mode;
    uint16_t credits;
    uint16_t gain_in;
    uint16_t gain_out;
    uint8_t streams; /* of LIVE */
    uint8_t packing;
    uint8_t warning; /* hops until the light goes out */
    bool bypass;
    bool gating;
    bool scores;            /* START has asked for SCORES */
    bool stopped;           /* stop_sequence is that of a real STOP */
    bool was_set;           /* set_sequence is that of a SET of this stream */
    bool waiting;           /* heard[] holds the next live hop */
    samples_adpcm adpcm[2]; /* raw, enhanced */
    int16_t heard[MODEL_HOP];
    uint8_t outbox[OUTBOX_BYTES];
    uint8_t frame[LINK_OVERHEAD_BYTES + RECEIVE_BYTES];
} session;

#endif
