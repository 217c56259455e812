// How an endpoint is written, and by what it is trusted.
#pragma once

#include <grpcpp/security/credentials.h>

#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "adapter/etcd/etcd_engine.hpp"

namespace haven::adapter::etcd {

// Reads the PEM files now. The error names the file.
[[nodiscard]] tl::expected<std::shared_ptr<grpc::ChannelCredentials>, std::string> credentials_of(
    const std::optional<EtcdTls>& tls);

// HOST:PORT of an endpoint, its scheme fitting `tls`.
[[nodiscard]] tl::expected<std::string, std::string> address_of(const std::string& endpoint, bool tls);

}  // namespace haven::adapter::etcd
