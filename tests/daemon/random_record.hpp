// Records of every kind with fields drawn from a seed, for properties that must hold for all of them.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/model/record.hpp"

namespace haven::test {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  std::int64_t number(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }
  bool flag() { return number(0, 1) == 1; }
  template <class E>
  E word(std::initializer_list<E> words) {
    return *(words.begin() + number(0, static_cast<std::int64_t>(words.size()) - 1));
  }
  std::string text() {
    static const std::vector<std::string> kPieces = {"a", "é", "\"", "\\", "\n", "\x01", "{", "日", " ", "0", "", "'"};
    std::string result;
    for (auto n = number(0, 12); n > 0; --n) result += kPieces[static_cast<std::size_t>(number(0, 11))];
    return result;
  }
  std::string hex() {
    std::string result;
    for (int i = 0; i < 32; ++i) result += "0123456789abcdef"[number(0, 15)];
    return result;
  }
  std::string name() { return "n" + std::to_string(number(0, 99)) + (flag() ? "-x" : ""); }
  HostName host() { return HostName(name()); }
  ResourceName resource() { return ResourceName(name() + (flag() ? "#" + std::to_string(number(1, 9)) : "")); }
  Incarnation incarnation() { return Incarnation(hex()); }
  template <class Make>
  auto list(Make make) {
    std::vector<decltype(make())> result;
    for (auto n = number(0, 4); n > 0; --n) result.push_back(make());
    return result;
  }
  template <class Make>
  auto perhaps(Make make) {
    return flag() ? std::optional(make()) : std::nullopt;
  }
  WallTime wall() { return {number(-1000, 4'000'000'000'000)}; }
  Generation generation() { return {static_cast<std::uint64_t>(number(0, 1'000'000'000))}; }
  Epoch epoch() { return {static_cast<std::uint64_t>(number(0, 1000))}; }
  MachineIdentity machine() { return {text(), text(), text()}; }

  // `kind` counts the kinds; all but the spec and the unreadable.
  static constexpr int kKinds = 26;
  static std::string path_of(int kind) {
    const HostName h("h1");
    const ResourceName r("web1#2");
    const Incarnation i(std::string(32, 'a'));
    const std::vector<std::string> paths = {path::kFreeze,
                                            path::order(r),
                                            path::kLeader,
                                            path::member(h),
                                            path::machine(h),
                                            path::away(h),
                                            path::status(h),
                                            path::answer(h, i),
                                            path::fence(h, i),
                                            path::claim(r),
                                            path::run(r),
                                            path::device(h),
                                            path::journal({5}, h, 7),
                                            path::kEpoch,
                                            path::promise(h),
                                            path::quarantine(h),
                                            path::kDawn,
                                            path::kVoters,
                                            path::kQuestion,
                                            path::calendar(r),
                                            path::fit(h),
                                            path::maintenance(h),
                                            path::arrival(r),
                                            path::load(h),
                                            path::handover(r),
                                            path::kBalance};
    return paths[static_cast<std::size_t>(kind)];
  }
  Record record(int kind) {
    switch (kind) {
      case 0:
        return FreezeRecord{text(), flag(), {{"h1", text()}, {"web1", text()}}};
      case 1:
        return OrderRecord{perhaps([&] {
                             return word({DesiredState::started, DesiredState::stopped, DesiredState::ignored});
                           }),
                           flag(), perhaps([&] { return host(); }), perhaps([&] { return host(); }), flag()};
      case 2:
        return LeaderRecord{Reign(hex()), host(), incarnation()};
      case 3:
        return MemberRecord{incarnation(), machine(), flag(), {number(0, 512)}, {number(0, 1 << 30)}, epoch()};
      case 4:
        return MachineRecord{machine(), text()};
      case 5:
        return AwayRecord{incarnation(), word({AwayKind::restarting, AwayKind::leaving, AwayKind::down})};
      case 6:
        return StatusRecord{incarnation(),
                            {number(0, 1LL << 52)},
                            flag(),
                            list([&] { return resource(); }),
                            list([&] { return resource(); }),
                            list([&] { return text(); }),
                            list([&] {
                              return HeldHost{host(), text()};
                            }),
                            list([&] {
                              return KeptAway{host(), incarnation(), {number(0, 1LL << 52)}};
                            }),
                            list([&] { return resource(); }),
                            {{number(0, 999)}, {number(0, 1 << 30)}}};
      case 7:
        return AnswerRecord{{number(0, 1LL << 52)}};
      case 8:
        return FenceRecord{flag() ? Reign(hex()) : Reign(),
                           word({FenceState::intent, FenceState::shooting, FenceState::failed, FenceState::proved}),
                           word({FenceReason::lost_lease, FenceReason::silent, FenceReason::stop_failed,
                                 FenceReason::storage_lost, FenceReason::test}),
                           word({ProofKind::none, ProofKind::level, ProofKind::operator_word, ProofKind::returned,
                                 ProofKind::clean_leave, ProofKind::promise}),
                           static_cast<int>(number(0, 9)),
                           static_cast<int>(number(0, 999)),
                           text(),
                           wall(),
                           flag(),
                           flag()};
      case 9:
        return ClaimRecord{host(),
                           incarnation(),
                           generation(),
                           word({ClaimOrder::run, ClaimOrder::stop, ClaimOrder::let_go}),
                           perhaps([&] { return host(); }),
                           Attempts{list([&] { return host(); }), flag(), static_cast<int>(number(0, 99))},
                           epoch(),
                           perhaps([&] {
                             return Migration{host(), incarnation(), generation(), flag()};
                           }),
                           generation(),
                           flag(),
                           Links{flag(), number(0, 1LL << 52)}};
      case 10:
        return RunRecord{host(),
                         incarnation(),
                         generation(),
                         word({RunState::starting, RunState::running, RunState::released}),
                         word({EndReason::none, EndReason::stopped, EndReason::host_leaving, EndReason::start_failed,
                               EndReason::crashed, EndReason::powered_off, EndReason::storage_lost,
                               EndReason::stopped_with_host, EndReason::frozen_with_host, EndReason::migrated}),
                         text(),
                         flag(),
                         flag(),
                         flag(),
                         list([&] { return wall(); }),
                         generation(),
                         health(),
                         number(0, 1LL << 52)};
      case 11:
        return DevicesRecord{list([&] {
                               return ProbedDevice{text(), text(), text(), flag()};
                             }),
                             list([&] {
                               return DeviceTest{
                                   static_cast<int>(number(0, 9)), text(), text(), flag(), text(), text(), wall()};
                             })};
      case 12:
        return journal();
      case 13:
        return EpochRecord{epoch()};
      case 14:
        return PromiseRecord{incarnation(), Duration(number(0, 1LL << 50)), Duration(number(0, 1LL << 50)),
                             list([&] { return list([&] { return text(); }); })};
      case 15:
        return QuarantineRecord{static_cast<int>(number(0, 999)), flag()};
      case 16:
        return DawnRecord{host(), incarnation()};
      case 17:
        return VotersRecord{list([&] { return text(); })};
      case 18:
        return QuestionRecord{text(), list([&] { return Need{text(), text(), list([&] { return resource(); })}; })};
      case 19:
        return CalendarRecord{flag(), wall()};
      case 20:
        return FitRecord{incarnation(), unfit(), text(), unfit()};
      case 21:
        return MaintenanceRecord{flag(), text(), list([&] { return resource(); })};
      case 22:
        return ArrivalRecord{host(), incarnation(), generation(), word({ArrivalState::ready, ArrivalState::gone}),
                             text()};
      case 23:
        return LoadRecord{
            incarnation(), {{number(0, 999'999)}, {number(0, 1 << 30)}, percent(), percent(), percent()}, list([&] {
              return GuestFigures{resource(), {number(0, 99'999)}, {number(0, 9999)}, {number(0, 9999)}};
            })};
      case 24:
        return HandoverRecord{
            resource(), wall(),
            word({HandoverPhase::proving, HandoverPhase::handing, HandoverPhase::settling, HandoverPhase::kept,
                  HandoverPhase::recalling, HandoverPhase::returning, HandoverPhase::over, HandoverPhase::finishing}),
            text()};
      default:
        return balance();
    }
  }
  std::vector<Unfit> unfit() {
    return list([&] { return Unfit{resource(), text(), flag()}; });
  }
  HealthNote health() {
    return {word({Health::unknown, Health::well, Health::ill}),
            text(),
            flag(),
            flag(),
            static_cast<int>(number(0, 9)),
            list([&] {
              return Treatment{static_cast<int>(number(1, 9)), wall()};
            })};
  }
  int percent() { return static_cast<int>(number(0, 100)); }
  BalanceRecord balance() {
    return {list([&] {
              return AdvisedMove{resource(), host(), host(), text()};
            }),
            list([&] { return text(); }),
            list([&] {
              return NamedHog{resource(), host(), text()};
            }),
            list([&] {
              return BalancingMove{resource(), host(), host(), flag(), wall()};
            }),
            wall(),
            list([&] {
              return HeldHog{resource(), host(), generation(), {number(0, 99'999)}, wall()};
            })};
  }
  JournalRecord journal() {
    JournalRecord r;
    r.at = wall();
    if (flag()) r.by = host();
    using enum JournalKind;
    r.kind = word({intent,   fenced,  proved, withdrawn, tested,       recover,  place,  restart,
                   relocate, migrate, stayed, stop,      place_failed, failed,   freeze, maintenance,
                   engine,   applied, alarm,  cleared,   capped,       uncapped, repair, replace});
    if (flag()) r.resource = resource();
    if (flag()) r.host = host();
    if (flag()) r.from = host();
    r.level = text();
    r.why = text();
    r.reasons = list([&] { return JournalReason{flag() ? host() : HostName(), text()}; });
    return r;
  }

  Spec spec() {
    Spec s;
    s.cluster = {name(),
                 static_cast<int>(number(0, 3)),
                 word({FailureDomain::host, FailureDomain::rack, FailureDomain::room, FailureDomain::site}),
                 Duration(number(0, 1LL << 60)),
                 list([&] { return host(); }),
                 text(),
                 0.1 * static_cast<double>(number(1, 99)),
                 1.5,
                 50ms * number(1, 9),
                 500ms,
                 word({AfterFence::off, AfterFence::on}),
                 flag(),
                 word({ShutdownPolicy::migrate, ShutdownPolicy::failover, ShutdownPolicy::stop, ShutdownPolicy::freeze,
                       ShutdownPolicy::conditional}),
                 word({Balance::off, Balance::advise, Balance::automatic})};
    for (auto n = number(0, 5); n > 0; --n) s.hosts.push_back(host_of_spec());
    for (auto n = number(0, 9); n > 0; --n) s.resources.push_back(resource_of_spec());
    for (auto n = number(0, 3); n > 0; --n) {
      s.rules.push_back({word({RuleKind::apart, RuleKind::together}), list([&] { return resource(); }),
                         word({FailureDomain::host, FailureDomain::site}), flag()});
    }
    return s;
  }

 private:
  Host host_of_spec() {
    Host h{host(),
           text(),
           {number(0, 99)},
           {number(0, 1 << 20)},
           {number(0, 9)},
           {number(0, 999)},
           list([&] { return text(); }),
           text(),
           text(),
           text(),
           {},
           text(),
           flag(),
           Duration(number(0, 1LL << 50)),
           flag()};
    h.fence = list([&] {
      return FenceDevice{"fence_" + name(),
                         {{text(), text()}, {"ip", text()}},
                         static_cast<int>(number(1, 3)),
                         list([&] { return host(); })};
    });
    return h;
  }
  GuestCheck check() {
    return {word({CheckKind::guest_agent, CheckKind::tcp, CheckKind::http, CheckKind::exec, CheckKind::memory,
                  CheckKind::disk_io}),
            text(),
            static_cast<int>(number(0, 65535)),
            text(),
            static_cast<int>(number(0, 599)),
            text(),
            text(),
            list([&] { return text(); }),
            {number(0, 9999)},
            Duration(number(1, 1LL << 50)),
            Duration(number(1, 1LL << 50)),
            static_cast<int>(number(1, 9)),
            Duration(number(0, 1LL << 50))};
  }
  Resource resource_of_spec() {
    Resource r;
    r.name = resource();
    r.uuid = text();
    if (flag()) r.xml = "<domain/>" + text();
    r.container = flag();
    r.cpu = {number(0, 64)};
    r.memory = {number(0, 99999)};
    r.state = word({DesiredState::started, DesiredState::stopped, DesiredState::ignored});
    r.priority = static_cast<int>(number(0, 1000));
    r.hosts = {list([&] { return host(); }), list([&] { return list([&] { return host(); }); }),
               list([&] { return host(); })};
    r.failback = word({Failback::off, Failback::migrate, Failback::restart});
    r.live_migration = flag();
    r.restarts = {static_cast<int>(number(0, 9)), Duration(number(1, 1LL << 50))};
    r.relocations = static_cast<int>(number(0, 9));
    r.retry = flag();
    r.on_stop_fail = word({OnStopFail::hold, OnStopFail::fence});
    r.on_poweroff = word({OnPoweroff::restart, OnPoweroff::stop});
    r.after = list([&] { return resource(); });
    r.tolerate_host = flag();
    r.preempt = flag();
    r.unprotected = flag();
    r.checks = list([&] { return check(); });
    r.repairs = list([&] {
      return Repair{word({Remedy::command, Remedy::application, Remedy::restart, Remedy::failover}),
                    list([&] { return text(); }), static_cast<int>(number(0, 9)), Duration(number(1, 1LL << 50)),
                    Duration(number(1, 1LL << 50))};
    });
    r.before_serve = list([&] { return text(); });
    r.serve = list([&] { return text(); });
    r.after_timeout = Duration(number(0, 1LL << 50));
    r.on_after_timeout = word({AfterTimeout::hold, AfterTimeout::go_on});
    if (flag())
      r.succession = Succession{resource(), Duration(number(0, 1LL << 50)), Duration(number(0, 1LL << 50)),
                                Duration(number(0, 1LL << 50)), wall()};
    if (flag()) r.replaced = resource();
    if (flag())
      r.when = Calendar{text(), list([&] {
                          return CalendarWindow{static_cast<int>(number(0, 127)), static_cast<int>(number(0, 1439)),
                                                static_cast<int>(number(1, 1440))};
                        }),
                        list([&] {
                          return ZoneOffset{wall(), number(-50'000, 50'000)};
                        })};
    return r;
  }
  std::mt19937_64 random_;
};

}  // namespace haven::test
