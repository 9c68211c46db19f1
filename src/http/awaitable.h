// The coroutine type of everything that runs on an io loop.
#pragma once

#include <boost/asio/awaitable.hpp>

namespace sluice::http {

template <typename T>
using Awaitable = boost::asio::awaitable<T>;

}  // namespace sluice::http
