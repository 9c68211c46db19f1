// The one exponential function: the same operations in the same order on every ISA.
#pragma once

namespace sluice::kernels {

// e^x to about 1 ulp. 0 below ln(2^-126), infinity above 88.37; NaN stays NaN. The polynomial is
// Cephes' expf (Moshier), evaluated by Horner's rule with fused multiply-adds.
template <typename V>
[[gnu::always_inline]] inline typename V::F exp_lanes(typename V::F x) {
  using F = typename V::F;
  const F lowest = V::set(-87.33654f);
  const F highest = V::set(88.37f);
  const F clamped = V::min(highest, V::max(lowest, x));
  // Adding 1.5 * 2^23 rounds to an integer, which then lies in the low bits of `shifted`.
  const F magic = V::set(12582912.0f);
  const F shifted = V::fma(clamped, V::set(1.44269504088896341f), magic);
  const F n = V::sub(shifted, magic);
  F r = V::fma(n, V::set(-0.693359375f), clamped);
  r = V::fma(n, V::set(2.12194440e-4f), r);
  F p = V::set(1.9875691500e-4f);
  p = V::fma(p, r, V::set(1.3981999507e-3f));
  p = V::fma(p, r, V::set(8.3334519073e-3f));
  p = V::fma(p, r, V::set(4.1665795894e-2f));
  p = V::fma(p, r, V::set(1.6666665459e-1f));
  p = V::fma(p, r, V::set(5.0000001201e-1f));
  p = V::fma(p, V::mul(r, r), V::add(r, V::set(1.0f)));
  const F y = V::scale_exponent(p, shifted);
  const F finite = V::if_less(x, lowest, V::set(0.0f), y);
  return V::if_less(highest, x, V::set(__builtin_inff()), finite);
}

}  // namespace sluice::kernels
