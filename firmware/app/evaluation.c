/* SPDX-License-Identifier: BSD-3-Clause */
#include "evaluation.h"

#include "hops.h"
#include "replies.h"

static void answer(session *s, const int16_t *in, bool lost)
{
    int16_t out[MODEL_HOP];
    uint8_t payload[RESULT_BYTES];
    const uint32_t hop = s->next_hop;
    const uint32_t work = hops_process(s, in, out);
    s->count.lost += lost;
    s->silenced = s->silenced << 1 | lost;
    hops_indicate_late(s, lost);
    hops_put_samples(link_put_u32(link_put_u32(payload, work), s->silenced), out);
    outbox_send(&s->out, LINK_RESULT, hop, payload, RESULT_BYTES, 0);
    outbox_flush(&s->out);
}

void evaluation_take(session *s)
{
    static const int16_t silence[MODEL_HOP];
    int16_t in[MODEL_HOP];
    const uint32_t ahead = s->parser.sequence - s->next_hop;
    if (s->mode != EVALUATION) {
        refuse(s, LINK_ERROR_NOT_STARTED,
               s->mode == LIVE ? "this stream is live and takes no audio"
                               : "no stream runs; send START first");
    } else if (s->parser.sequence < s->next_hop) {
        s->count.doubled++;
    } else if (ahead >= s->credits) {
        refuse(s, LINK_ERROR_SEQUENCE, "this hop is further ahead than the credits allow");
    } else {
        for (size_t i = 0; i < MODEL_HOP; i++) {
            in[i] = (int16_t)link_get_u16(s->parser.payload + 2 * i);
        }
        for (uint32_t i = 0; i < ahead; i++) {
            answer(s, silence, true);
        }
        answer(s, in, false);
    }
}
