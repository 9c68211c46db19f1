#include "kernels/quant/q5/q5.h"

#include "kernels/quant/make_codec.h"

namespace sluice::kernels {

const Codec kQ5Codec = codec_of<Q5>();

}  // namespace sluice::kernels
