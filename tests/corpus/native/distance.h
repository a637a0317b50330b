#ifndef TIDEPOOL_DISTANCE_H
#define TIDEPOOL_DISTANCE_H

#include <stddef.h>

#define TIDEPOOL_MAX_DIMENSION 4096

/* A borrowed run of floats. */
typedef struct tp_vector {
    const float *values;
    size_t length;
} tp_vector;

/* Return the squared distance of two vectors, or -1 if their lengths differ. */
float tp_distance(tp_vector a, tp_vector b);

#endif
