#include "kernels/quant/q4/q4.h"

#include "kernels/quant/make_codec.h"

namespace sluice::kernels {

const Codec kQ4Codec = codec_of<Q4>();

}  // namespace sluice::kernels
