#include "adapter/etcd/connect.hpp"

#include <fstream>
#include <sstream>
#include <utility>

namespace haven::adapter::etcd {
namespace {

tl::expected<std::string, std::string> content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in || text.str().empty()) return tl::unexpected(file + ": cannot read it");
  return text.str();
}

}  // namespace

tl::expected<std::shared_ptr<grpc::ChannelCredentials>, std::string> credentials_of(const std::optional<EtcdTls>& tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (tls->certificate_file.empty() != tls->key_file.empty()) {
    return tl::unexpected(std::string("a client certificate needs both its file and its key's"));
  }
  const std::pair<const std::string&, std::string&> files[] = {
      {tls->ca_file, options.pem_root_certs},
      {tls->certificate_file, options.pem_cert_chain},
      {tls->key_file, options.pem_private_key},
  };
  for (const auto& [file, text] : files) {
    if (file.empty()) continue;
    auto read = content(file);
    if (!read) return tl::unexpected(read.error());
    text = std::move(*read);
  }
  return grpc::SslCredentials(options);
}

tl::expected<std::string, std::string> address_of(const std::string& endpoint, bool tls) {
  std::string address = endpoint;
  for (const std::string scheme : {"http://", "https://"}) {
    if (!address.starts_with(scheme)) continue;
    if ((scheme == "https://") != tls) {
      return tl::unexpected("endpoint " + endpoint + (tls ? ": TLS is configured" : ": no TLS is configured"));
    }
    address.erase(0, scheme.size());
  }
  const auto colon = address.rfind(':');
  const bool port = colon != std::string::npos && colon > 0 && colon + 1 < address.size() &&
                    address.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  if (!port) return tl::unexpected("endpoint " + endpoint + ": this is not host:port");
  return address;
}

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments arguments;
  // Endless: a list or a batch of changes is as long as it is.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // What is sent again, and where, is decided by the caller alone.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

}  // namespace haven::adapter::etcd
