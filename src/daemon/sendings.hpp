// How far the guests are that are being moved live: figures for people, which the core never sees and nobody decides
// by.
//
// The source's havend knows them each second. To the others it tells them in sending/<host>, no more often than each
// kSendingsTold, of moves that have lasted kWorthTelling, and strikes them out at the end: one small write in five
// seconds from each host that sends, none for the short moves that most are. Rejected: to ask the source's havend, for
// havends have no way to one another but heartbeats and the engine, and a port with a guard of its own costs more than
// these writes; and the lanes of the core, for a figure is no fact that anything may rest on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/local_alarms.hpp"
#include "daemon/runtime.hpp"
#include "port/hypervisor.hpp"

namespace haven::daemon {

inline constexpr Duration kSendingsTold = 5s;
inline constexpr Duration kWorthTelling = 5s;
// A figure that libvirt has not told again for so long is not shown any more.
inline constexpr Duration kSendingFades = 5s;
// A move that makes no headway for so long is said to be stuck. Libvirt slows the guest down meanwhile, by a tenth of
// its time more each round (auto-converge), and most of them come to an end by that.
inline constexpr Duration kNoHeadway = 30s;

// Of one guest.
struct SendingFigures {
  int percent = 0;              // 0 to 99: only its end is all of it
  std::int64_t left_bytes = 0;  // to be sent, as of now
  std::int64_t elapsed_ms = 0;
  std::string stuck{};  // why it makes no headway, as a clause; empty: it does
  friend bool operator==(const SendingFigures&, const SendingFigures&) = default;
};
// sending/<host>
struct SendingRecord {
  Incarnation incarnation;
  std::map<std::string, SendingFigures> guests;  // by the resource's name
  friend bool operator==(const SendingRecord&, const SendingRecord&) = default;
};
[[nodiscard]] std::string encode(const SendingRecord& record);
// nullopt: it cannot be read.
[[nodiscard]] std::optional<SendingRecord> decode_sending(const std::string& value);

// What this host's libvirt tells. Any thread.
class Sendings {
 public:
  void note(const port::Sending& sending, Instant now);
  // Those that are fresh, by the domain's uuid.
  [[nodiscard]] std::map<std::string, SendingFigures> figures(Instant now) const;

 private:
  struct Course {
    port::Sending last;
    Instant told;
    Instant grew;                   // when more had gone over than before
    std::optional<Instant> outrun;  // since when the guest changes more than is sent
  };
  mutable std::mutex mutex_;
  std::map<std::string, Course> courses_;  // of the last kSendingFades
};

// Of the whole cluster, by the resource's name: what other hosts told last, and what this one knows. `sendings`
// nullptr: this host knows nothing.
[[nodiscard]] std::map<std::string, SendingFigures> sendings_seen(const Runtime::Sight& sight, const HostName& here,
                                                                  const Sendings* sendings);

// Tells the others, and says of what is stuck that it hurts.
class SendingsTold {
 public:
  // All of them outlive this.
  SendingsTold(Runtime& runtime, const Sendings& sendings, LocalAlarms& alarms, HostName here, Incarnation incarnation);
  ~SendingsTold();
  SendingsTold(const SendingsTold&) = delete;
  SendingsTold& operator=(const SendingsTold&) = delete;

 private:
  struct Known {
    bool registered = false;
    std::string member;  // this host's keys, whole
    Revision member_mod;
    std::string key;
    std::string said;  // what stands there; empty: nothing
    std::map<std::string, SendingFigures> guests;
  };
  void serve();
  [[nodiscard]] bool see(Known& known) const;
  void tell(const Known& known, Instant now);

  Runtime& runtime_;
  const Sendings& sendings_;
  LocalAlarms& alarms_;
  const HostName here_;
  const Incarnation incarnation_;
  std::optional<Instant> told_;
  bool silent_ = false;  // nothing is to be told, and nothing stands told
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace haven::daemon
