/*
 * Speech enhancement over the link: the host sends hops of audio and the board sends them back enhanced, or the board takes them
 * from its microphone and sends what it hears and makes of it. The model is the build's choice: MODEL_HEADER, MODEL, MODEL_HOP
 * and MODEL_STATE_BYTES name what the generated file offers.
 */
#include <string.h>

#include "link.h"
#include "nnsp.h"
#include "port.h"
#include "samples.h"
#include MODEL_HEADER

#define CREDITS_MAX 4u
#define AUDIO_BYTES (2u * MODEL_HOP)
#define RESULT_BYTES (8u + AUDIO_BYTES)
#define START_BYTES 6u
#define START_LIVE_BYTES 8u
#define SET_BYTES 5u
#define STATS_BYTES 56u
#define LIVE_HEAD_BYTES 13u
#define LIVE_STREAMS (LINK_STREAM_RAW | LINK_STREAM_ENHANCED)
#define LIVE_BYTES (LIVE_HEAD_BYTES + 2u * AUDIO_BYTES)
#define TEXT_BYTES 96u /* the longest text in a HELLO or an ERROR */
#define HELLO_BYTES (35u + 4u * (1u + TEXT_BYTES))
#define REPLY_BYTES (HELLO_BYTES > RESULT_BYTES ? HELLO_BYTES : RESULT_BYTES)
#define RECEIVE_BYTES (AUDIO_BYTES > START_BYTES ? AUDIO_BYTES : START_BYTES)
#define LIGHT_HOPS 50u /* so long the light burns for one late hop */
/* Room for every RESULT that the credits allow, twice, so that a reply need not wait for RESULTs to leave. */
#define OUTBOX_BYTES (2u * CREDITS_MAX * LINK_WIRE_BYTES(RESULT_BYTES) + LINK_WIRE_BYTES(REPLY_BYTES))

typedef struct counters {
    uint32_t frames;   /* good frames of any type */
    uint32_t hops;     /* hops enhanced, silence for lost ones included */
    uint32_t lost;     /* hops that did not arrive */
    uint32_t doubled;  /* AUDIO of a hop already answered */
    uint32_t broken;   /* frames that could not be read */
    uint32_t refused;  /* good frames answered with an ERROR */
    uint32_t unsent;   /* frames dropped because the host does not take them */
    uint32_t overrun;  /* bytes the board lost on the way in */
    uint32_t worst;    /* most work for one hop */
    uint32_t late;     /* live hops that were not finished when the next was due */
} counters;

typedef enum stream_mode { IDLE, EVALUATION, LIVE } stream_mode;

typedef struct session {
    const port_facts *facts;
    nnsp_enhancer enhancer;
    nnsp_status ready;
    link_parser parser;
    counters count;
    uint32_t overrun_before; /* what port_bytes_lost() said at START */
    uint32_t next_hop;
    uint32_t silenced; /* bit i: hop next_hop - 1 - i was lost */
    uint32_t start_sequence;
    uint32_t stop_sequence;
    uint32_t microphone_lost; /* what port_microphone_lost() said last */
    uint32_t astray;          /* samples that were lost and are not yet made up to hops */
    stream_mode mode;
    uint16_t credits;
    uint16_t gain_in;
    uint16_t gain_out;
    uint8_t streams; /* of LIVE */
    uint8_t packing;
    uint8_t warning; /* hops until the light goes out */
    bool bypass;
    bool stopped; /* stop_sequence is that of a real STOP */
    bool waiting; /* heard[] holds the next live hop */
    samples_adpcm adpcm[2]; /* raw, enhanced */
    int16_t heard[MODEL_HOP];
    size_t out_begin;
    size_t out_end;
    uint8_t outbox[OUTBOX_BYTES];
    uint8_t frame[LINK_OVERHEAD_BYTES + RECEIVE_BYTES];
} session;

static session app;
static uint64_t state[(MODEL_STATE_BYTES + 7u) / 8u];

static void flush(session *s)
{
    s->out_begin += port_write(s->outbox + s->out_begin, s->out_end - s->out_begin);
    if (s->out_begin == s->out_end) {
        s->out_begin = 0;
        s->out_end = 0;
    }
}

/* Queue one frame, leaving `reserve` bytes free; a frame without room is counted, never waited for. */
static void send_leaving(session *s, link_type type, uint32_t sequence, const uint8_t *payload, size_t bytes,
                         size_t reserve)
{
    if (sizeof s->outbox - s->out_end < LINK_WIRE_BYTES(bytes) + reserve) {
        memmove(s->outbox, s->outbox + s->out_begin, s->out_end - s->out_begin);
        s->out_end -= s->out_begin;
        s->out_begin = 0;
    }
    const size_t room = sizeof s->outbox - s->out_end;
    if (room < LINK_WIRE_BYTES(bytes) + reserve) {
        s->count.unsent++;
        return;
    }
    s->out_end += link_encode(type, sequence, payload, bytes, s->outbox + s->out_end, room);
}

/*
 * Answers must not take the room of RESULTs: those are bounded by the credits, answers to noise are not. LIVE has no bound, and leaves
 * room for an answer.
 */
static void reply(session *s, link_type type, uint32_t sequence, const uint8_t *payload, size_t bytes)
{
    send_leaving(s, type, sequence, payload, bytes, s->mode == EVALUATION ? CREDITS_MAX * LINK_WIRE_BYTES(RESULT_BYTES) : 0);
}

static char *append_text(char *at, const char *text)
{
    while (*text != '\0') {
        *at++ = *text++;
    }
    return at;
}

static char *append_hex(char *at, const char *label, uint32_t value)
{
    at = append_text(append_text(at, label), " 0x");
    for (int shift = 28; shift >= 0; shift -= 4) {
        *at++ = "0123456789ABCDEF"[value >> shift & 15u];
    }
    return at;
}

static char *append_decimal(char *at, uint32_t value)
{
    char digits[10];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0);
    while (count > 0) {
        *at++ = digits[--count];
    }
    return at;
}

static uint8_t *put_text(uint8_t *at, const char *text)
{
    size_t bytes = strlen(text);
    if (bytes > TEXT_BYTES) {
        bytes = TEXT_BYTES;
    }
    *at++ = (uint8_t)bytes;
    memcpy(at, text, bytes);
    return at + bytes;
}

static size_t error_payload(uint8_t *payload, link_error code, uint8_t type, const char *text)
{
    uint8_t *at = link_put_u16(payload, (uint16_t)code);
    *at++ = type;
    return (size_t)(put_text(at, text) - payload);
}

static void refuse(session *s, link_error code, const char *text)
{
    uint8_t payload[4 + TEXT_BYTES];
    s->count.refused++;
    reply(s, LINK_ERROR, s->parser.sequence, payload, error_payload(payload, code, s->parser.type, text));
}

static void reply_hello(session *s, uint32_t sequence)
{
    const nnsp_frontend_table *frontend = MODEL.frontend;
    uint8_t payload[HELLO_BYTES];
    uint8_t *at = link_put_u32(payload, frontend->rate);
    at = link_put_u16(at, frontend->hop);
    at = link_put_u16(at, (uint16_t)(frontend->window_size - frontend->hop));
    at = link_put_u16(at, s->credits);
    at = link_put_u16(at, RECEIVE_BYTES);
    at = link_put_u16(at, MODEL.id);
    at = link_put_u32(at, MODEL.network->checksum);
    at = link_put_u32(at, frontend->checksum);
    at = link_put_u32(at, (uint32_t)sizeof state);
    at = link_put_u32(at, port_stack_bytes());
    at = link_put_u32(at, s->facts->count_hz);
    *at++ = (uint8_t)s->facts->unit;
    at = put_text(at, s->facts->board);
    at = put_text(at, s->facts->reset_cause);
    at = put_text(at, NNSP_VERSION_STRING);
    at = put_text(at, MODEL.name);
    reply(s, LINK_HELLO, sequence, payload, (size_t)(at - payload));
}

static void reply_stats(session *s, link_type type)
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
    at = link_put_u32(at, c->unsent);
    at = link_put_u32(at, port_bytes_lost() - s->overrun_before);
    at = link_put_u32(at, c->worst);
    at = link_put_u32(at, port_stack_bytes());
    at = link_put_u32(at, port_stack_left());
    at = link_put_u32(at, c->late);
    reply(s, type, s->parser.sequence, payload, (size_t)(at - payload));
}

static void begin(session *s)
{
    memset(&s->count, 0, sizeof s->count);
    s->overrun_before = port_bytes_lost();
    s->next_hop = 0;
    s->silenced = 0;
    s->stopped = false;
    if (s->ready == NNSP_OK) {
        nnsp_enhancer_reset(&s->enhancer);
    }
}

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
}

static size_t live_bytes(uint8_t streams, uint8_t packing)
{
    const size_t block = packing == LINK_ADPCM4 ? SAMPLES_ADPCM_BYTES(MODEL_HOP) : AUDIO_BYTES;
    return LIVE_HEAD_BYTES + (streams == LIVE_STREAMS ? 2 * block : block);
}

/* Whether microphone and line can do what a START asks for; an ERROR has been sent where not. */
static bool start_live(session *s)
{
    const uint32_t rate = MODEL.frontend->rate;
    const uint8_t streams = s->parser.payload[START_BYTES];
    const uint8_t packing = s->parser.payload[START_BYTES + 1u];
    if (streams == 0 || streams > LIVE_STREAMS || packing > LINK_ADPCM4) {
        refuse(s, LINK_ERROR_FORMAT, "a live stream is raw 1, enhanced 2 or both 3, as pcm16 0 or adpcm4 1");
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
    const uint32_t needed = 10u * (uint32_t)LINK_WIRE_BYTES(live_bytes(streams, packing)) * (rate / MODEL_HOP);
    if (s->facts->line_hz != 0 && needed > s->facts->line_hz) {
        char text[TEXT_BYTES + 1u]; /* 75 bytes and two numbers of at most 10 */
        char *at = append_decimal(append_text(text, "it takes "), needed);
        at = append_decimal(append_text(at, " bit/s and the line has "), s->facts->line_hz);
        *append_text(at, ": take a faster line, one stream or adpcm4") = '\0';
        refuse(s, LINK_ERROR_LINE, text);
        return false;
    }
    begin(s);
    if (!port_microphone_start()) {
        refuse(s, LINK_ERROR_MICROPHONE, "the microphone does not start");
        return false;
    }
    s->microphone_lost = port_microphone_lost();
    s->astray = 0;
    s->streams = streams;
    s->packing = packing;
    samples_adpcm_init(&s->adpcm[0]);
    samples_adpcm_init(&s->adpcm[1]);
    return true;
}

static void start(session *s)
{
    const uint32_t rate = link_get_u32(s->parser.payload);
    const uint16_t hop = link_get_u16(s->parser.payload + 4);
    const bool live = s->parser.payload_bytes == START_LIVE_BYTES;
    if (s->mode != IDLE) {
        if (s->parser.sequence == s->start_sequence && (s->next_hop == 0 || s->mode == LIVE)) {
            reply(s, LINK_START, s->parser.sequence, NULL, 0); /* the host did not hear the first answer */
        } else {
            refuse(s, LINK_ERROR_STARTED, "a stream runs already; send STOP or RESET first");
        }
    } else if (s->ready != NNSP_OK) {
        refuse(s, LINK_ERROR_MODEL, nnsp_status_text(s->ready));
    } else if (rate != MODEL.frontend->rate || hop != MODEL_HOP) {
        refuse(s, LINK_ERROR_FORMAT, "the model runs at the rate and hop of the HELLO only");
    } else if (!live || start_live(s)) {
        if (!live) {
            begin(s);
        }
        s->mode = live ? LIVE : EVALUATION;
        s->start_sequence = s->parser.sequence;
        port_indicate(PORT_LIGHT_STREAM, true);
        reply(s, LINK_START, s->parser.sequence, NULL, 0);
    }
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
    if (gain_in > SAMPLES_GAIN_MAX || gain_out > SAMPLES_GAIN_MAX || payload[4] > 1) {
        refuse(s, LINK_ERROR_RANGE, "gains go from 0 to 32768 (1024 is 0 dB), bypass is 0 or 1");
        return;
    }
    s->gain_in = gain_in;
    s->gain_out = gain_out;
    s->bypass = payload[4] != 0;
    uint8_t answer[4 + SET_BYTES];
    /* With the hop from which on it holds. */
    memcpy(link_put_u32(answer, s->next_hop), payload, SET_BYTES);
    reply(s, LINK_SET, s->parser.sequence, answer, sizeof answer);
}

/* Light for a hop that was late or lost, and out again some time later. */
static void indicate_late(session *s, bool late)
{
    if (late) {
        s->warning = LIGHT_HOPS;
        port_indicate(PORT_LIGHT_LATE, true);
    } else if (s->warning > 0 && --s->warning == 0) {
        port_indicate(PORT_LIGHT_LATE, false);
    }
}

static uint32_t process(session *s, const int16_t *in, int16_t *out)
{
    port_count_begin();
    (void)nnsp_enhancer_process(&s->enhancer, in, out); /* cannot fail: init has checked the model */
    const uint32_t work = port_count_end();
    s->count.hops++;
    if (work > s->count.worst) {
        s->count.worst = work;
    }
    return work;
}

static uint8_t *put_samples(uint8_t *at, const int16_t *samples)
{
    for (size_t i = 0; i < MODEL_HOP; i++) {
        at = link_put_u16(at, (uint16_t)samples[i]);
    }
    return at;
}

static void enhance(session *s, const int16_t *in, bool lost)
{
    int16_t out[MODEL_HOP];
    uint8_t payload[RESULT_BYTES];
    const uint32_t work = process(s, in, out);
    s->count.lost += lost;
    s->silenced = s->silenced << 1 | lost;
    indicate_late(s, lost);
    put_samples(link_put_u32(link_put_u32(payload, work), s->silenced), out);
    send_leaving(s, LINK_RESULT, s->next_hop, payload, RESULT_BYTES, 0);
    s->next_hop++;
    flush(s);
}

static void audio(session *s)
{
    static const int16_t silence[MODEL_HOP];
    int16_t in[MODEL_HOP];
    const uint32_t ahead = s->parser.sequence - s->next_hop;
    if (s->mode != EVALUATION) {
        refuse(s, LINK_ERROR_NOT_STARTED,
               s->mode == LIVE ? "this stream is live and takes no audio" : "no stream runs; send START first");
    } else if (s->parser.sequence < s->next_hop) {
        s->count.doubled++;
    } else if (ahead >= s->credits) {
        refuse(s, LINK_ERROR_SEQUENCE, "this hop is further ahead than the credits allow");
    } else {
        for (size_t i = 0; i < MODEL_HOP; i++) {
            in[i] = (int16_t)link_get_u16(s->parser.payload + 2 * i);
        }
        for (uint32_t i = 0; i < ahead; i++) {
            enhance(s, silence, true);
        }
        enhance(s, in, false);
    }
}

/*
 * Take the next hop of the microphone. Where samples were lost, whole hops are missing, so that every hop keeps its place: of a hop of
 * which a part was lost the rest is thrown away.
 */
static bool hear(session *s)
{
    const uint32_t lost = port_microphone_lost();
    s->astray += lost - s->microphone_lost;
    s->microphone_lost = lost;
    if (s->astray != 0) {
        const uint32_t rest = (MODEL_HOP - s->astray % MODEL_HOP) % MODEL_HOP;
        if (rest != 0 && port_microphone_read(s->heard, rest) == 0) {
            return false;
        }
        s->next_hop += (s->astray + rest) / MODEL_HOP;
        s->count.lost += (s->astray + rest) / MODEL_HOP;
        s->astray = 0;
    }
    return port_microphone_read(s->heard, MODEL_HOP) != 0;
}

static uint8_t *pack(session *s, samples_adpcm *adpcm, const int16_t *samples, uint8_t *at)
{
    return s->packing == LINK_ADPCM4 ? samples_adpcm_pack(adpcm, samples, MODEL_HOP, at) : put_samples(at, samples);
}

static void live(session *s)
{
    int16_t out[MODEL_HOP];
    uint8_t payload[LIVE_BYTES];
    uint8_t *at = payload + LIVE_HEAD_BYTES;
    const uint32_t hop = s->next_hop++, missed = s->count.lost;
    uint8_t flags = s->bypass ? LINK_LIVE_BYPASS : 0;
    if (samples_amplify(s->heard, MODEL_HOP, s->gain_in)) {
        flags |= LINK_LIVE_CLIPPED_IN;
    }
    const uint16_t level_in = samples_rms(s->heard, MODEL_HOP);
    if (s->streams & LINK_STREAM_RAW) {
        at = pack(s, &s->adpcm[0], s->heard, at);
    }
    const uint32_t work = process(s, s->heard, out);
    if (s->bypass) {
        /* As late as what comes out enhanced: the oldest hop of the window. */
        memcpy(out, s->enhancer.frontend.history, sizeof out);
    }
    if (samples_amplify(out, MODEL_HOP, s->gain_out)) {
        flags |= LINK_LIVE_CLIPPED_OUT;
    }
    const uint16_t level_out = samples_rms(out, MODEL_HOP);
    if (s->streams & LINK_STREAM_ENHANCED) {
        at = pack(s, &s->adpcm[1], out, at);
    }
    s->waiting = hear(s);
    const uint32_t per_hop = s->facts->count_hz / (MODEL.frontend->rate / MODEL_HOP);
    const bool late = s->waiting || s->astray != 0 || s->count.lost != missed || (per_hop != 0 && work > per_hop);
    if (late) {
        flags |= LINK_LIVE_LATE;
        s->count.late++;
    }
    indicate_late(s, late);
    uint8_t *head = link_put_u32(payload, work);
    head = link_put_u16(head, (uint16_t)s->count.late);
    head = link_put_u16(head, (uint16_t)missed);
    *head++ = flags;
    link_put_u16(link_put_u16(head, level_in), level_out);
    send_leaving(s, LINK_LIVE, hop, payload, (size_t)(at - payload), LINK_WIRE_BYTES(REPLY_BYTES));
    flush(s);
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
    /* A host that has gone takes nothing more; a UART at 9600 baud takes a byte in 100 000 cycles. */
    for (uint32_t tries = 0; s->out_begin != s->out_end && tries < 20000000u; tries++) {
        flush(s);
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
            begin(s);
            neutral(s);
            reply(s, LINK_RESET, frame->sequence, NULL, 0);
        }
        break;
    case LINK_AUDIO:
        if (length_is(s, AUDIO_BYTES)) {
            audio(s);
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
        uint8_t payload[4 + TEXT_BYTES];
        s->count.broken++;
        reply(s, LINK_ERROR, 0, payload, error_payload(payload, LINK_ERROR_BROKEN, 0, link_event_text(event)));
    }
}

void app_fault(const char *what, uint32_t where, uint32_t status, uint32_t address)
{
    char text[TEXT_BYTES + 1u];
    uint8_t payload[4 + TEXT_BYTES];
    char *at = append_text(text, what);
    at = append_hex(at, " at", where);
    at = append_hex(at, ", status", status);
    at = append_hex(at, ", address", address);
    *at = '\0';
    /* What the outbox held is given up: its frame may be cut, and the fault may have been in it. */
    app.out_begin = 0;
    app.out_end = 0;
    reply(&app, LINK_ERROR, 0, payload, error_payload(payload, LINK_ERROR_FAULT, 0, text));
    leave(&app, 2);
}

int main(void)
{
    session *s = &app;
    s->facts = port_init();
    const uint32_t credits = s->facts->receive_bytes / LINK_WIRE_BYTES(AUDIO_BYTES);
    s->credits = (uint16_t)(credits < 1 ? 1 : credits > CREDITS_MAX ? CREDITS_MAX : credits);
    link_parser_init(&s->parser, s->frame, sizeof s->frame);
    neutral(s);
    s->ready = nnsp_enhancer_init(&s->enhancer, &MODEL, state, sizeof state);
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
            s->waiting = s->waiting || hear(s);
            if (s->waiting) {
                live(s);
            }
        }
        flush(s);
        if (count == 0 && !s->waiting && s->out_begin == s->out_end) {
            port_wait();
        }
    }
}
