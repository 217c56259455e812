// What the API answers, apart from how it is carried: requests and replies are JSON texts. Every reply is an object
// that holds either `data` or `error` {what, where, wanted}. Any thread; each call ends within a few seconds, apply's
// checks of fence agents aside.
#pragma once

#include <functional>
#include <map>
#include <string>

#include <tl/expected.hpp>

#include "daemon/apply.hpp"
#include "daemon/local_alarms.hpp"
#include "daemon/runtime.hpp"
#include "daemon/sendings.hpp"

namespace haven::daemon {

// Status codes of HTTP, as far as they are used.
enum class Code { ok = 200, bad_request = 400, not_found = 404, refused = 409, bad_input = 422, unavailable = 503 };
struct Answer {
  Code code = Code::ok;
  std::string body;
};
[[nodiscard]] Answer error_answer(Code code, const std::string& what, const std::string& where,
                                  const std::string& wanted);

// Root's word about whom it acts for is as good as root's own.
[[nodiscard]] std::string said_by(const std::string& peer, const std::string& claimed);

class Service {
 public:
  using Query = std::map<std::string, std::string>;
  // The XML of a domain that libvirt knows here.
  using Describe = std::function<tl::expected<std::string, std::string>(const std::string& name)>;

  static constexpr std::size_t kMostEntries = 1000;  // of the journal, in one reply
  static constexpr Duration kMostWait = 20s;         // for news of the journal
  static constexpr int kMostWaiting = 4;             // followers beyond these are answered at once

  // `sendings` may be nullptr: nothing is told of how far moves have come from here.
  Service(Runtime& runtime, Applier& applier, LocalAlarms& alarms, HostName host, bool embedded, Describe describe,
          const Sendings* sendings = nullptr);

  [[nodiscard]] Answer status();
  // after: the last key already known; resource: only about that one; wait_s: if there is nothing yet, so long.
  [[nodiscard]] Answer journal(const Query& query);
  // resource: why it is here and not there, and what the death of its host would come to.
  [[nodiscard]] Answer explain(const Query& query);
  [[nodiscard]] Answer maintenance(const Query& query);  // what would come of taking hosts out of service
  // The file as it was applied, with its domains.
  [[nodiscard]] Answer spec();
  // name: a domain of this host's libvirt.
  [[nodiscard]] Answer domain(const Query& query);
  [[nodiscard]] Answer apply(const std::string& body, const std::string& peer);
  [[nodiscard]] Answer replace(const std::string& body, const std::string& peer);
  // The one that a replacement leaves behind is taken out of the file.
  [[nodiscard]] Answer end_replacement(const std::string& body, const std::string& peer);
  // `peer`: the user who asks, by the kernel's word. Root may say in `by` for whom (sudo), nobody else may.
  [[nodiscard]] Answer operate(const std::string& body, const std::string& peer);
  // Whoever waits for news is answered; nobody waits any more.
  void stop() { stopping_ = true; }

 private:
  Runtime& runtime_;
  Applier& applier_;
  LocalAlarms& alarms_;
  HostName host_;
  bool embedded_;
  Describe describe_;
  const Sendings* sendings_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> waiting_{0};
};

}  // namespace haven::daemon
