#include "kernels/quant/q4k/q4k.h"

#include "kernels/quant/make_codec.h"

namespace sluice::kernels {

const Codec kQ4KCodec = codec_of<Q4K>();

}  // namespace sluice::kernels
