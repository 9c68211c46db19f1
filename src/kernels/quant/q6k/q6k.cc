#include "kernels/quant/q6k/q6k.h"

#include "kernels/quant/make_codec.h"

namespace sluice::kernels {

const Codec kQ6KCodec = codec_of<Q6K>();

}  // namespace sluice::kernels
