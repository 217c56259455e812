// The two ways in which alarms leave this host.
#include <httplib.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "adapter/process/run.hpp"
#include "daemon/alarm_courier.hpp"

namespace haven::daemon {
namespace {

using Told = tl::expected<void, std::string>;

// Ends the request when its time is over, however slowly the other side goes on sending.
class Deadline {
 public:
  Deadline(httplib::Client& client, Duration after)
      : thread_([this, &client, after] {
          std::unique_lock lock(mutex_);
          if (changed_.wait_for(lock, after, [this] { return done_; })) return;
          over_ = true;
          client.stop();
        }) {}
  ~Deadline() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  [[nodiscard]] bool over() {
    const std::lock_guard lock(mutex_);
    return over_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false, over_ = false;
  std::thread thread_;
};

// The address may hold a secret: what is told of it ends with the host.
struct Address {
  std::string server;  // https://example.org:8443
  std::string path;
};
Address split(const std::string& url) {
  const std::size_t host = url.find("://") + 3;
  const std::size_t slash = std::min(url.find('/', host), url.size());
  const std::string path = url.substr(slash);
  return {url.substr(0, slash), path.empty() ? "/" : path};
}

Told post(const Address& address, const std::string& ca, const std::string& json, Duration deadline) {
  httplib::Client client(address.server);
  if (!client.is_valid()) return tl::unexpected(address.server + ": no address to talk to");
  if (!ca.empty()) client.set_ca_cert_path(ca);
  client.enable_server_certificate_verification(true);
  client.set_follow_location(false);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline);
  client.set_connection_timeout(seconds);
  client.set_read_timeout(seconds);
  client.set_write_timeout(seconds);
  httplib::Request request;
  request.method = "POST";
  request.path = address.path;
  request.set_header("Content-Type", "application/json");
  request.body = json;
  // The answer's words are of no use; they are not kept.
  request.content_receiver = [](const char*, std::size_t, std::uint64_t, std::uint64_t) { return true; };
  Deadline patience(client, deadline);
  const auto result = client.send(request);
  if (patience.over()) return tl::unexpected(address.server + ": no answer within its time");
  if (!result) return tl::unexpected(address.server + ": " + httplib::to_string(result.error()));
  if (result->status / 100 != 2) return tl::unexpected(address.server + ": status " + std::to_string(result->status));
  return {};
}

}  // namespace

AlarmCourier::Tell tell_by_exec(std::string path, Duration deadline) {
  return [path = std::move(path), deadline](const std::string& json) -> Told {
    const auto ran = adapter::run_program({path}, json + "\n", deadline);
    if (!ran.well()) return tl::unexpected(path + ": " + ran.why());
    return {};
  };
}

AlarmCourier::Tell tell_by_webhook(const std::string& url, std::string ca, Duration deadline) {
  return [address = split(url), ca = std::move(ca), deadline](const std::string& json) {
    return post(address, ca, json, deadline);
  };
}

}  // namespace haven::daemon
