#include "kernels/quant/q8/q8.h"

#include "kernels/quant/make_codec.h"

namespace sluice::kernels {

const Codec kQ8Codec = codec_of<Q8>();

}  // namespace sluice::kernels
