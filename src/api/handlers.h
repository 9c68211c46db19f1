// One handler an endpoint; routes.cc gives each its row.
#pragma once

#include "api/api.h"
#include "http/exchange.h"

namespace sluice::api {

using http::Awaitable;
using http::Exchange;

Awaitable<void> chat_completions(ApiContext& context, Exchange& exchange);
Awaitable<void> completions(ApiContext& context, Exchange& exchange);
Awaitable<void> list_models(ApiContext& context, Exchange& exchange);
Awaitable<void> get_model(ApiContext& context, Exchange& exchange);
Awaitable<void> tokenize(ApiContext& context, Exchange& exchange);
Awaitable<void> detokenize(ApiContext& context, Exchange& exchange);
Awaitable<void> apply_template(ApiContext& context, Exchange& exchange);

Awaitable<void> classic_generate(ApiContext& context, Exchange& exchange);
Awaitable<void> classic_stream(ApiContext& context, Exchange& exchange);
Awaitable<void> classic_stream_query(ApiContext& context, Exchange& exchange);

Awaitable<void> health(ApiContext& context, Exchange& exchange);
Awaitable<void> healthz(ApiContext& context, Exchange& exchange);
Awaitable<void> livez(ApiContext& context, Exchange& exchange);
Awaitable<void> metrics(ApiContext& context, Exchange& exchange);

}  // namespace sluice::api
