/* nnsp: streaming speech networks with int8 weights and int16 activations. Includes everything public. */
#ifndef NNSP_H
#define NNSP_H

#define NNSP_VERSION_STRING "0.1.0"

#include "nnsp_classifier.h"
#include "nnsp_detector.h"
#include "nnsp_enhancer.h"
#include "nnsp_frontend.h"
#include "nnsp_net.h"
#include "nnsp_status.h"
#include "nnsp_table.h"

#endif
