// An outcome as JSON and as a table.
#include <nlohmann/json.hpp>
#include <sstream>

#include "sim/simulate.hpp"

namespace haven::sim {

namespace {

using nlohmann::ordered_json;

bool number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos && text.size() < 9;
}

ordered_json json_of(const TimelineEvent& event) {
  ordered_json json{{"at_ms", event.at_ms}, {"kind", word(event.kind)}};
  if (!event.resource.empty()) json["resource"] = event.resource.str();
  if (!event.host.empty()) json["host"] = event.host.str();
  if (!event.from.empty()) json["from"] = event.from.str();
  if (number(event.level)) {
    json["level"] = std::stoi(event.level);
  } else if (!event.level.empty()) {
    json["level"] = event.level;
  }
  if (!event.why.empty()) json["why"] = event.why;
  if (event.kind == EventKind::place_failed) {
    json["reasons"] = ordered_json::array();
    for (const JournalReason& reason : event.reasons) {
      json["reasons"].push_back({{"host", reason.host.str()}, {"reason", reason.reason}});
    }
  }
  return json;
}

ordered_json names(const std::vector<HostName>& hosts) {
  ordered_json list = ordered_json::array();
  for (const HostName& host : hosts) list.push_back(host.str());
  return list;
}

}  // namespace

std::string to_json(const Outcome& outcome) {
  ordered_json json{{"events", ordered_json::array()}, {"final", ordered_json::object()}};
  for (const TimelineEvent& event : outcome.events) json["events"].push_back(json_of(event));
  for (const auto& [name, state] : outcome.final) {
    json["final"][name.str()] = {{"state", state.state}, {"host", nullptr}};
    if (state.host) json["final"][name.str()]["host"] = state.host->str();
  }
  json["fenced"] = names(outcome.fenced);
  json["violations"] = ordered_json::array();
  for (const Violation& violation : outcome.violations) {
    json["violations"].push_back({{"at_ms", violation.at_ms},
                                  {"rule", violation.rule},
                                  {"resource", violation.resource.str()},
                                  {"hosts", names(violation.hosts)}});
  }
  json["unmet"] = outcome.unmet;
  json["seed"] = outcome.seed;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string to_text(const Outcome& outcome) {
  std::ostringstream text;
  for (const TimelineEvent& e : outcome.events) {
    text << std::string(std::max<std::size_t>(1, 10 - std::to_string(e.at_ms).size()), ' ') << e.at_ms << " ms  "
         << word(e.kind);
    if (!e.resource.empty()) text << " " << e.resource.str();
    if (!e.host.empty()) text << (e.resource.empty() ? " " : " on ") << e.host.str();
    if (!e.from.empty()) text << " from " << e.from.str();
    if (!e.level.empty()) text << " (level " << e.level << ")";
    if (!e.why.empty()) text << ": " << e.why;
    for (const JournalReason& reason : e.reasons) text << "; " << reason.host.str() << ": " << reason.reason;
    text << "\n";
  }
  for (const auto& [name, state] : outcome.final) {
    text << "at the end " << name.str() << " is " << state.state;
    if (state.host) text << " on " << state.host->str();
    text << "\n";
  }
  for (const Violation& v : outcome.violations) {
    text << "VIOLATION at " << v.at_ms << " ms of " << v.rule << ": " << v.text << "\n";
  }
  for (const std::string& unmet : outcome.unmet) text << "UNMET " << unmet << "\n";
  return text.str();
}

}  // namespace haven::sim
