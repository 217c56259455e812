// How an endpoint is written, by what it is trusted, and how a channel to it is kept.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

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

// Of every channel to a member.
[[nodiscard]] grpc::ChannelArguments channel_arguments();

}  // namespace haven::adapter::etcd
