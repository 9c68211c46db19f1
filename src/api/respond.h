// What all handlers do alike: parse bodies, check the model's name, refuse in their family's form.
#pragma once

#include <expected>
#include <string>

#include "api/api.h"
#include "contract/fields.h"
#include "contract/forms.h"
#include "http/exchange.h"

namespace sluice::api {

enum class Family : uint8_t { kOpenAi, kClassic };

// The family whose error form this path's clients expect.
Family family_of(std::string_view path);

// Errors that no handler saw: unknown paths, bodies too large and the like.
http::Response write_error(const http::Request& request, const Error& error, int status);

http::Response json_response(std::string body, int status = 200);
http::Response refusal(Family family, const Error& error);
// A body that did not parse: 400, or FastAPI's 422.
http::Response refusal(Family family, const contract::Problems& problems, std::string_view source);

// Parses the request's body, on the pool when it is large.
http::Awaitable<std::expected<contract::ParsedRequest, contract::Problems>> parse_body(
    ApiContext& context, const http::Request& request, const contract::FieldTable& table,
    Family family);

// Fills in what does not come from the body (id, arrival, the defaults of the options). The answer
// is the name that answers carry; kNotFound for a name that is not served.
Result<std::string> complete_request(ApiContext& context, const http::Request& request,
                                     Family family, contract::GenerateRequest& generate);

// The served names with what is known of them.
std::vector<contract::ModelInfo> served_models(const ApiContext& context);

}  // namespace sluice::api
