#include "kernels/quant/q4min/q4min.h"

#include "kernels/quant/make_codec.h"

namespace sluice::kernels {

const Codec kQ4MinCodec = codec_of<Q4Min>();

}  // namespace sluice::kernels
