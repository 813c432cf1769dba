/* SPDX-License-Identifier: BSD-3-Clause */
#include "replies.h"

void reply(session *s, link_type type, uint32_t sequence, const uint8_t *payload, size_t bytes)
{
    outbox_send(&s->out, type, sequence, payload, bytes, s->mode == EVALUATION ? RESULTS_ROOM : 0);
}

void reply_error(session *s, link_error code, uint8_t answered, uint32_t sequence,
                 const char *words)
{
    uint8_t payload[4 + TEXT_BYTES];
    uint8_t *at = link_put_u16(payload, (uint16_t)code);
    *at++ = answered;
    at = text_put(at, words);
    reply(s, LINK_ERROR, sequence, payload, (size_t)(at - payload));
}

void refuse(session *s, link_error code, const char *words)
{
    s->count.refused++;
    reply_error(s, code, s->parser.type, s->parser.sequence, words);
}

static uint8_t *put_network(uint8_t *at, const nnsp_model *model, size_t state_bytes)
{
    at = link_put_u16(at, model->id);
    at = link_put_u32(at, model->network->checksum);
    at = link_put_u32(at, model->frontend->checksum);
    at = link_put_u32(at, (uint32_t)state_bytes);
    *at++ = model->task;
    *at++ = model->detector == NULL ? 0 : (uint8_t)(1u + model->detector->kind);
    at = link_put_u16(at, model->label_count);
    at = text_put(at, model->name);
    for (unsigned i = 0; i < model->label_count; i++) {
        at = text_put(at, model->labels[i]);
    }
    return at;
}

static uint8_t number_of_gate(const session *s)
{
    for (unsigned i = 0; s->networks.gate != NULL && i < NETWORKS_COUNT; i++) {
        if (networks_models[i] == s->networks.gate->model) {
            return (uint8_t)(i + 1u);
        }
    }
    return 0;
}

void reply_hello(session *s, uint32_t sequence)
{
    const nnsp_frontend_table *frontend = networks_models[0]->frontend;
    uint8_t payload[HELLO_BYTES];
    uint8_t *at = link_put_u32(payload, frontend->rate);
    at = link_put_u16(at, frontend->hop);
    at = link_put_u16(at, networks_delay());
    at = link_put_u16(at, s->credits);
    at = link_put_u16(at, RECEIVE_BYTES);
    at = link_put_u32(at, port_stack_bytes());
    at = link_put_u32(at, s->facts->count_hz);
    *at++ = (uint8_t)s->facts->unit;
    *at++ = number_of_gate(s);
    *at++ = (uint8_t)NETWORKS_COUNT;
    at = text_put(at, s->facts->board);
    at = text_put(at, s->facts->reset_cause);
    at = text_put(at, NNSP_VERSION_STRING);
    for (unsigned i = 0; i < NETWORKS_COUNT; i++) {
        at = put_network(at, networks_models[i], networks_state_bytes(i));
    }
    reply(s, LINK_HELLO, sequence, payload, (size_t)(at - payload));
}

void reply_stats(session *s, link_type type)
{
    uint8_t payload[STATS_BYTES];
    const counters *c = &s->count;
    uint8_t *at = link_put_u32(payload, s->next_hop);
    at = link_put_u32(at, s->silenced);
    at = link_put_u32(at, c->frames);
    at = link_put_u32(at, c->hops);
    at = link_put_u32(at, c->lost);
    at = link_put_u32(at, c->doubled);
    at = link_put_u32(at, c->broken);
    at = link_put_u32(at, c->refused);
    at = link_put_u32(at, s->out.unsent);
    at = link_put_u32(at, port_bytes_lost() - c->overrun);
    at = link_put_u32(at, c->worst);
    at = link_put_u32(at, port_stack_bytes());
    at = link_put_u32(at, port_stack_left());
    at = link_put_u32(at, c->late);
    at = link_put_u32(at, c->events);
    at = link_put_u32(at, c->rested);
    reply(s, type, s->parser.sequence, payload, (size_t)(at - payload));
}
