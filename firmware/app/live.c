/* SPDX-License-Identifier: BSD-3-Clause */
#include "live.h"

#include <string.h>

#include "hops.h"
#include "replies.h"

static size_t frame_bytes(uint8_t streams, uint8_t packing)
{
    const size_t block = packing == LINK_ADPCM4 ? SAMPLES_ADPCM_BYTES(MODEL_HOP) : AUDIO_BYTES;
    return LIVE_HEAD_BYTES + (streams == LIVE_STREAMS ? 2 : streams != 0) * block;
}

bool live_start(session *s)
{
    const uint32_t rate = networks_models[0]->frontend->rate;
    const uint8_t *wish = s->parser.payload + START_BYTES;
    const uint8_t streams = wish[0], packing = wish[1];
    if (streams > LIVE_STREAMS || packing > LINK_ADPCM4) {
        refuse(s, LINK_ERROR_FORMAT,
               "a live stream is none 0, raw 1, enhanced 2 or both 3, as pcm16 0 or adpcm4 1");
        return false;
    }
    if (s->facts->microphone_hz == 0) {
        refuse(s, LINK_ERROR_MICROPHONE, "this board has no microphone");
        return false;
    }
    if (s->facts->microphone_hz != rate) {
        refuse(s, LINK_ERROR_MICROPHONE, "the microphone has another rate than the model");
        return false;
    }
    const size_t bytes = LINK_WIRE_BYTES(frame_bytes(streams, packing)) +
                         (s->scores ? LINK_WIRE_BYTES(SCORES_BYTES) : 0);
    const uint32_t needed = 10u * (uint32_t)bytes * (rate / MODEL_HOP);
    if (s->facts->line_hz != 0 && needed > s->facts->line_hz) {
        text t;
        text_begin(&t);
        text_add(&t, "it takes ");
        text_add_decimal(&t, needed);
        text_add(&t, " bit/s and the line has ");
        text_add_decimal(&t, s->facts->line_hz);
        text_add(&t, ": take a faster line, one stream or adpcm4");
        refuse(s, LINK_ERROR_LINE, t.characters);
        return false;
    }
    hops_begin(s);
    if (!port_microphone_start()) {
        refuse(s, LINK_ERROR_MICROPHONE, "the microphone does not start");
        return false;
    }
    s->microphone_lost = port_microphone_lost();
    s->lost_samples = 0;
    s->streams = streams;
    s->packing = packing;
    samples_adpcm_init(&s->adpcm[0]);
    samples_adpcm_init(&s->adpcm[1]);
    return true;
}

/*
 * Take the next hop of the microphone. Where samples were lost, whole hops are missing, so that
 * every hop keeps its place: of a hop of which a part was lost the rest is thrown away.
 */
static bool hear(session *s)
{
    const uint32_t lost = port_microphone_lost();
    s->lost_samples += lost - s->microphone_lost;
    s->microphone_lost = lost;
    if (s->lost_samples != 0) {
        const uint32_t rest = (MODEL_HOP - s->lost_samples % MODEL_HOP) % MODEL_HOP;
        if (rest != 0 && port_microphone_read(s->heard, rest) == 0) {
            return false;
        }
        s->next_hop += (s->lost_samples + rest) / MODEL_HOP;
        s->count.lost += (s->lost_samples + rest) / MODEL_HOP;
        s->lost_samples = 0;
    }
    return port_microphone_read(s->heard, MODEL_HOP) != 0;
}

static uint8_t *pack(session *s, samples_adpcm *adpcm, const int16_t *samples, uint8_t *at)
{
    return s->packing == LINK_ADPCM4 ? samples_adpcm_pack(adpcm, samples, MODEL_HOP, at)
                                     : hops_put_samples(at, samples);
}

static void send_hop(session *s)
{
    int16_t out[MODEL_HOP];
    uint8_t payload[LIVE_BYTES];
    uint8_t *at = payload + LIVE_HEAD_BYTES;
    const uint32_t hop = s->next_hop, missed = s->count.lost;
    uint8_t flags = s->bypass ? LINK_LIVE_BYPASS : 0;
    if (samples_amplify(s->heard, MODEL_HOP, s->gain_in)) {
        flags |= LINK_LIVE_CLIPPED_IN;
    }
    const uint16_t level_in = samples_rms(s->heard, MODEL_HOP);
    if (s->streams & LINK_STREAM_RAW) {
        at = pack(s, &s->adpcm[0], s->heard, at);
    }
    const uint32_t work = hops_process(s, s->heard, out);
    if (s->bypass) {
        memcpy(out, networks_past(&s->networks, s->heard), sizeof out);
    }
    if (samples_amplify(out, MODEL_HOP, s->gain_out)) {
        flags |= LINK_LIVE_CLIPPED_OUT;
    }
    const uint16_t level_out = samples_rms(out, MODEL_HOP);
    if (s->streams & LINK_STREAM_ENHANCED) {
        at = pack(s, &s->adpcm[1], out, at);
    }
    s->waiting = hear(s);
    const uint32_t per_hop = s->facts->count_hz / (networks_models[0]->frontend->rate / MODEL_HOP);
    const bool late = s->waiting || s->lost_samples != 0 || s->count.lost != missed ||
                      (per_hop != 0 && work > per_hop);
    if (late) {
        flags |= LINK_LIVE_LATE;
        s->count.late++;
    }
    hops_indicate_late(s, late);
    uint8_t *head = link_put_u32(payload, work);
    head = link_put_u16(head, (uint16_t)s->count.late);
    head = link_put_u16(head, (uint16_t)missed);
    *head++ = flags;
    link_put_u16(link_put_u16(head, level_in), level_out);
    outbox_send(&s->out, LINK_LIVE, hop, payload, (size_t)(at - payload), REPLY_ROOM);
    outbox_flush(&s->out);
}

void live_turn(session *s)
{
    s->waiting = s->waiting || hear(s);
    if (s->waiting) {
        send_hop(s);
    }
}
