// A transaction in etcd's words.
#pragma once

#include "port/engine.hpp"
#include "rpc.pb.h"

namespace haven::adapter::etcd {

[[nodiscard]] etcdserverpb::TxnRequest request_of(const port::Transaction& transaction);

}  // namespace haven::adapter::etcd
