// Template text to syntax tree, with jinja2's grammar (extensions: loop controls, and the
// generation tag of Hugging Face). Pure; nesting is bounded, so recursion is too.
#pragma once

#include <memory>
#include <string_view>

#include "text/jinja_ast.h"

namespace sluice::text::jinja {

// Blocks within blocks, and expressions within expressions (operators of one chain included).
constexpr int kBlockDepthMax = 32;
constexpr int kExprDepthMax = 100;

Result<std::shared_ptr<const Program>> parse(std::string_view source);

}  // namespace sluice::text::jinja
