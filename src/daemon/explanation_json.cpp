#include "daemon/explanation_json.hpp"

#include "core/model/wording.hpp"

namespace haven::daemon {
namespace {

using Json = nlohmann::json;

Json name_or_null(const std::optional<HostName>& name) { return name ? Json(name->str()) : Json(nullptr); }
std::int64_t ms(Duration time) { return std::chrono::duration_cast<std::chrono::milliseconds>(time).count(); }

Json reasons_json(const std::vector<Refusal>& refusals) {
  Json reasons = Json::array();
  for (const Refusal& refusal : refusals) reasons.push_back({{"host", refusal.host.str()}, {"reason", refusal.reason}});
  return reasons;
}

Json death_json(const DeathExplained& death) {
  Json fallen = Json::array();
  for (const Fallen& one : death.fallen) {
    fallen.push_back({{"resource", one.resource.str()},
                      {"to", name_or_null(one.to)},
                      {"after", texts_of(one.after)},
                      {"stops", texts_of(one.stops)},
                      {"reasons", reasons_json(one.refusals)},
                      {"remedy", one.remedy}});
  }
  const bool known = death.proved_by_itself;
  return {{"host", death.host.str()},
          {"proof", death.proof},
          {"proved_by_itself", known},
          {"noticed_ms", ms(death.noticed)},
          {"proved_ms", known ? Json(ms(death.proved)) : Json(nullptr)},
          {"resources", fallen}};
}

}  // namespace

Json explanation_json(const Explanation& e) {
  Json hosts = Json::array();
  for (const HostExplained& host : e.hosts)
    hosts.push_back({{"host", host.host.str()},
                     {"holds", host.holds},
                     {"possible", host.refusal.empty()},
                     {"reason", host.refusal},
                     {"remark", host.remark}});
  return {{"resource", e.report.name.str()},
          {"state", word(e.report.condition)},
          {"host", name_or_null(e.report.host)},
          {"health", e.report.health ? Json(word(*e.report.health)) : Json(nullptr)},
          {"why", e.report.why},
          {"unprotected", e.report.unprotected},
          {"why_here", e.why_here},
          {"hosts", hosts},
          {"placed_anew", name_or_null(e.today)},
          {"if_its_host_died", e.death ? death_json(*e.death) : Json(nullptr)}};
}

Json foreseen_json(const MaintenanceForeseen& foreseen) {
  Json moves = Json::array();
  for (const MoveForeseen& move : foreseen.moves) {
    moves.push_back({{"resource", move.resource.str()},
                     {"from", move.from.str()},
                     {"to", name_or_null(move.to)},
                     {"live", move.live},
                     {"reasons", reasons_json(move.refusals)}});
  }
  return {{"refused", foreseen.refused},
          {"exposed", texts_of(foreseen.exposed)},
          {"reserve", foreseen.reserve},
          {"moves", moves}};
}

}  // namespace haven::daemon
