#include "distance.h"

static float square(float x)
{
    return x * x;
}

/* Sums the squares in the order of the values, so that results repeat. */
float tp_distance(tp_vector a, tp_vector b)
{
    float sum = 0;

    if (a.length != b.length || a.length > TIDEPOOL_MAX_DIMENSION)
        return -1;
    for (size_t i = 0; i < a.length; i++)
        sum += square(a.values[i] - b.values[i]);
    return sum;
}
