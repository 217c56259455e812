// Asks every endpoint by itself whom it follows (PROTOCOL P4): its status and its own list of members, without asking
// for a leader. Who does not answer is left out.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "adapter/etcd/endpoint.hpp"
#include "adapter/etcd/loop.hpp"
#include "port/engine.hpp"

namespace haven::adapter::etcd {

// On the loop's thread. Calls `answer` once, when all have answered or failed, at the latest when `timeout` is over.
void ask_voters(Loop& loop, const std::vector<std::shared_ptr<Link>>& links, Duration timeout,
                std::function<void(std::vector<port::Voter>)> answer);

}  // namespace haven::adapter::etcd
