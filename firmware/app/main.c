/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Networks over the link: the host sends hops of audio and the board sends back what it makes of
 * them, or the board takes them from its microphone. What is in the image, and how large, is in
 * image_models.h, which the build makes.
 */
#include <string.h>

#include "evaluation.h"
#include "hops.h"
#include "live.h"
#include "replies.h"

static session app;

static void end_stream(session *s)
{
    if (s->mode == LIVE) {
        port_microphone_stop();
    }
    s->mode = IDLE;
    s->waiting = false;
    s->warning = 0;
    port_indicate(PORT_LIGHT_STREAM, false);
    port_indicate(PORT_LIGHT_LATE, false);
}

static void neutral(session *s)
{
    s->gain_in = SAMPLES_GAIN_ONE;
    s->gain_out = SAMPLES_GAIN_ONE;
    s->bypass = false;
    s->gating = true;
}

static void refuse_model(session *s)
{
    text t;
    text_begin(&t);
    text_add(&t, s->refused->name);
    text_add(&t, ": ");
    text_add(&t, nnsp_status_text(s->ready));
    refuse(s, LINK_ERROR_MODEL, t.characters);
}

static void start(session *s)
{
    const uint32_t rate = link_get_u32(s->parser.payload);
    const uint16_t hop = link_get_u16(s->parser.payload + 4);
    const uint8_t scores = s->parser.payload[6];
    const bool live = s->parser.payload_bytes == START_LIVE_BYTES;
    if (s->mode != IDLE) {
        if (s->parser.sequence == s->start_sequence && (s->next_hop == 0 || s->mode == LIVE)) {
            /* The host did not hear the first answer. */
            reply(s, LINK_START, s->parser.sequence, NULL, 0);
        } else {
            refuse(s, LINK_ERROR_STARTED, "a stream runs already; send STOP or RESET first");
        }
        return;
    }
    if (s->ready != NNSP_OK) {
        refuse_model(s);
        return;
    }
    if (rate != networks_models[0]->frontend->rate || hop != MODEL_HOP) {
        refuse(s, LINK_ERROR_FORMAT, "the model runs at the rate and hop of the HELLO only");
        return;
    }
    if (scores > 1 || (scores == 1 && NETWORKS_CLASSIFIERS == 0)) {
        refuse(s, LINK_ERROR_FORMAT, "scores are 0 or 1, and 0 where no network gives any");
        return;
    }
    s->scores = scores != 0;
    if (live) {
        if (!live_start(s)) {
            return;
        }
    } else {
        hops_begin(s);
    }
    s->mode = live ? LIVE : EVALUATION;
    s->start_sequence = s->parser.sequence;
    port_indicate(PORT_LIGHT_STREAM, true);
    reply(s, LINK_START, s->parser.sequence, NULL, 0);
}

static void stop(session *s)
{
    if (s->mode != IDLE) {
        end_stream(s);
        s->stopped = true;
        s->stop_sequence = s->parser.sequence;
        reply_stats(s, LINK_STOP);
    } else if (s->stopped && s->parser.sequence == s->stop_sequence) {
        reply_stats(s, LINK_STOP);
    } else {
        refuse(s, LINK_ERROR_NOT_STARTED, "no stream runs; send START first");
    }
}

static void set(session *s)
{
    const uint8_t *payload = s->parser.payload;
    const uint16_t gain_in = link_get_u16(payload), gain_out = link_get_u16(payload + 2);
    if (gain_in > SAMPLES_GAIN_MAX || gain_out > SAMPLES_GAIN_MAX || payload[4] > 1 ||
        payload[5] > 1) {
        refuse(s, LINK_ERROR_RANGE,
               "gains go from 0 to 32768 (1024 is 0 dB), bypass and gating are 0 or 1");
        return;
    }
    /*
     * A SET that is asked again, because its answer was lost, is answered with the hop from which
     * on it has held; it is not done twice, for the button may have been pressed since.
     */
    if (!s->was_set || s->parser.sequence != s->set_sequence) {
        s->gain_in = gain_in;
        s->gain_out = gain_out;
        s->bypass = payload[4] != 0;
        s->gating = payload[5] != 0;
        s->was_set = true;
        s->set_sequence = s->parser.sequence;
        s->set_hop = s->next_hop;
    }
    uint8_t answer[4 + SET_BYTES];
    memcpy(link_put_u32(answer, s->set_hop), payload, SET_BYTES);
    reply(s, LINK_SET, s->parser.sequence, answer, sizeof answer);
}

static bool length_is(session *s, size_t bytes)
{
    if (s->parser.payload_bytes == bytes) {
        return true;
    }
    refuse(s, LINK_ERROR_LENGTH, "this type has a payload of another size");
    return false;
}

static void leave(session *s, int status)
{
    /*
     * A host that has gone takes nothing more; a UART at 9600 baud takes a byte in 100 000 cycles.
     */
    for (uint32_t tries = 0; !outbox_is_empty(&s->out) && tries < 20000000u; tries++) {
        outbox_flush(&s->out);
    }
    port_exit(status);
}

static void handle(session *s)
{
    const link_parser *frame = &s->parser;
    s->count.frames++;
    switch (frame->type) {
    case LINK_HELLO:
        if (length_is(s, 0)) {
            reply_hello(s, frame->sequence);
        }
        break;
    case LINK_START:
        if (frame->payload_bytes == START_LIVE_BYTES || length_is(s, START_BYTES)) {
            start(s);
        }
        break;
    case LINK_STOP:
        if (length_is(s, 0)) {
            stop(s);
        }
        break;
    case LINK_RESET:
        if (length_is(s, 0)) {
            end_stream(s);
            hops_begin(s);
            neutral(s);
            reply(s, LINK_RESET, frame->sequence, NULL, 0);
        }
        break;
    case LINK_AUDIO:
        if (length_is(s, AUDIO_BYTES)) {
            evaluation_take(s);
        }
        break;
    case LINK_STATS:
        if (length_is(s, 0)) {
            reply_stats(s, LINK_STATS);
        }
        break;
    case LINK_SET:
        if (length_is(s, SET_BYTES)) {
            set(s);
        }
        break;
    case LINK_EXIT:
        if (length_is(s, 0)) {
            reply(s, LINK_EXIT, frame->sequence, NULL, 0);
            leave(s, 0);
        }
        break;
    default:
        refuse(s, LINK_ERROR_TYPE, "this type is not known here");
        break;
    }
}

static void receive(session *s, uint8_t byte)
{
    const link_event event = link_parser_push(&s->parser, byte);
    if (event == LINK_FRAME) {
        handle(s);
    } else if (event != LINK_NONE) {
        s->count.broken++;
        reply_error(s, LINK_ERROR_BROKEN, 0, 0, link_event_text(event));
    }
}

void app_fault(const char *what, uint32_t where, uint32_t status, uint32_t address)
{
    text t;
    text_begin(&t);
    text_add(&t, what);
    text_add(&t, " at ");
    text_add_hex(&t, where);
    text_add(&t, ", status ");
    text_add_hex(&t, status);
    text_add(&t, ", address ");
    text_add_hex(&t, address);
    /* What the outbox held is given up: its frame may be cut, and the fault may have been in it. */
    outbox_clear(&app.out);
    reply_error(&app, LINK_ERROR_FAULT, 0, 0, t.characters);
    leave(&app, 2);
}

int main(void)
{
    session *s = &app;
    s->facts = port_init();
    const uint32_t credits = s->facts->receive_bytes / LINK_WIRE_BYTES(AUDIO_BYTES);
    s->credits = (uint16_t)(credits < 1 ? 1 : credits > CREDITS_MAX ? CREDITS_MAX : credits);
    link_parser_init(&s->parser, s->frame, sizeof s->frame);
    s->out.bytes = s->outbox;
    s->out.capacity = sizeof s->outbox;
    neutral(s);
    s->ready = networks_init(&s->networks, &s->refused);
    reply_hello(s, 0);
    for (;;) {
        uint8_t bytes[64];
        const size_t count = port_read(bytes, sizeof bytes);
        for (size_t i = 0; i < count; i++) {
            receive(s, bytes[i]);
        }
        if (port_button()) {
            s->bypass = !s->bypass;
        }
        if (s->mode == LIVE) {
            live_turn(s);
        }
        outbox_flush(&s->out);
        if (count == 0 && !s->waiting && outbox_is_empty(&s->out)) {
            port_wait();
        }
    }
}
