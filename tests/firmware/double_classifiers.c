/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Classifiers whose scores are samples of the hop that was analysed last. vad: the size of the
 * first sample. kws, every other time that it listens: what the second sample leaves to full scale,
 * its size where it is positive, its size where it is negative. Their detectors are real.
 */
#include "def_nn1_vad.h"
#include "def_nn2_kws.h"

extern int16_t heard[NN1_VAD_HOP];

static const nnsp_frontend_table frontend = {.rate = NN1_VAD_RATE,
                                             .hop = NN1_VAD_HOP,
                                             .window_size = NN1_VAD_WINDOW,
                                             .checksum = 0x0F0F0F0Fu};
static const nnsp_network network = {.version = NNSP_TABLE_VERSION, .checksum = 0x87654321u};
static const char *const vad_labels[] = {"speech"};
static const nnsp_detector_table vad_detector = {NNSP_DETECT_STATE, 0, 2, 16384};
const nnsp_model nn1_vad = {.name = "vad",
                            .frontend = &frontend,
                            .network = &network,
                            .labels = vad_labels,
                            .detector = &vad_detector,
                            .state_bytes = NN1_VAD_STATE_BYTES,
                            .id = NN1_VAD_ID,
                            .label_count = NN1_VAD_LABELS,
                            .task = NNSP_CLASSIFY};
static const char *const kws_labels[] = {"none of", "one", "two"};
static const nnsp_detector_table kws_detector = {NNSP_DETECT_EVENT, 1, 3, 8192};
const nnsp_model nn2_kws = {.name = "kws",
                            .frontend = &frontend,
                            .network = &network,
                            .labels = kws_labels,
                            .detector = &kws_detector,
                            .state_bytes = NN2_KWS_STATE_BYTES,
                            .id = NN2_KWS_ID,
                            .label_count = NN2_KWS_LABELS,
                            .task = NNSP_CLASSIFY};

static int16_t size(int sample)
{
    return (int16_t)(sample == -32768 ? 32767 : sample < 0 ? -sample : sample);
}

nnsp_status nnsp_classifier_init(nnsp_classifier *classifier, const nnsp_model *model, void *state,
                                 size_t bytes)
{
    (void)state;
    classifier->model = model;
    nnsp_classifier_reset(classifier);
    return bytes == model->state_bytes ? NNSP_OK : NNSP_ERR_STATE;
}

nnsp_status nnsp_classifier_init_shared(nnsp_classifier *classifier, const nnsp_model *model,
                                        const nnsp_frontend *source, void *state, size_t bytes)
{
    (void)source;
    return nnsp_classifier_init(classifier, model, state, bytes + 16);
}

void nnsp_classifier_reset(nnsp_classifier *classifier)
{
    classifier->shared = 0; /* here: how often it has listened, modulo 2 */
}

void nnsp_net_reset(nnsp_net *net)
{
    (void)net;
}

nnsp_status nnsp_classifier_listen(nnsp_classifier *classifier, int16_t *scores)
{
    if (classifier->model == &nn1_vad) {
        scores[0] = size(heard[0]);
        return NNSP_OK;
    }
    classifier->shared ^= 1u;
    if (!classifier->shared) {
        return NNSP_NO_OUTPUT;
    }
    scores[0] = (int16_t)(32767 - size(heard[1]));
    scores[1] = heard[1] > 0 ? size(heard[1]) : 0;
    scores[2] = heard[1] < 0 ? size(heard[1]) : 0;
    return NNSP_OK;
}
