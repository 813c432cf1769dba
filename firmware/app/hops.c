/* SPDX-License-Identifier: BSD-3-Clause */
#include "hops.h"

#include <string.h>

#define LIGHT_HOPS 50u /* so long the light burns for one late hop */

void hops_begin(session *s)
{
    memset(&s->count, 0, sizeof s->count);
    s->out.unsent = 0;
    s->count.overrun = port_bytes_lost();
    s->next_hop = 0;
    s->silenced = 0;
    s->stopped = false;
    s->was_set = false;
    if (s->ready == NNSP_OK) {
        networks_reset(&s->networks);
    }
}

static void send_scores(session *s, uint32_t hop)
{
    uint8_t payload[SCORES_BYTES + 1u];
    uint8_t *at = payload;
    for (unsigned k = 0; k != NETWORKS_CLASSIFIERS; k++) {
        const networks_classifier *c = &s->networks.classifiers[k];
        *at++ = c->given;
        for (unsigned i = 0; i < c->model->label_count; i++) {
            at = link_put_u16(at, (uint16_t)c->scores[i]);
        }
    }
    outbox_send(&s->out, LINK_SCORES, hop, payload, (size_t)(at - payload),
                RESULTS_ROOM + REPLY_ROOM);
}

static void send_event(session *s, uint32_t hop, const networks_decision *decision)
{
    uint8_t payload[EVENT_BYTES];
    uint8_t *at = link_put_u32(payload, hop);
    at = link_put_u16(at, decision->model->id);
    at = link_put_u16(at, decision->label);
    at = link_put_u16(at, (uint16_t)decision->probability);
    *at = (uint8_t)decision->edge;
    outbox_send(&s->out, LINK_EVENT, s->count.events++, payload, sizeof payload,
                RESULTS_ROOM + REPLY_ROOM);
}

uint32_t hops_process(session *s, const int16_t *in, int16_t *out)
{
    const uint32_t hop = s->next_hop++;
    port_count_begin();
    networks_step(&s->networks, in, out, s->gating);
    const uint32_t work = port_count_end();
    s->count.hops++;
    s->count.rested += !s->networks.open;
    if (work > s->count.worst) {
        s->count.worst = work;
    }
    if (NETWORKS_CLASSIFIERS != 0 && s->scores) {
        send_scores(s, hop);
    }
    for (size_t i = 0; NETWORKS_CLASSIFIERS != 0 && i < s->networks.decision_count; i++) {
        send_event(s, hop, &s->networks.decisions[i]);
    }
    return work;
}

uint8_t *hops_put_samples(uint8_t *at, const int16_t *samples)
{
    for (size_t i = 0; i < MODEL_HOP; i++) {
        at = link_put_u16(at, (uint16_t)samples[i]);
    }
    return at;
}

void hops_indicate_late(session *s, bool late)
{
    if (late) {
        s->warning = LIGHT_HOPS;
        port_indicate(PORT_LIGHT_LATE, true);
    } else if (s->warning > 0 && --s->warning == 0) {
        port_indicate(PORT_LIGHT_LATE, false);
    }
}
