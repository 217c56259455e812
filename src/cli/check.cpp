// check and simulate: what would be. The cluster file alone is read; no havend is asked.
#include <iomanip>
#include <iostream>
#include <sstream>
#include <utility>

#include "cli/commands.hpp"
#include "core/placement/admission.hpp"
#include "core/placement/overbooking.hpp"
#include "daemon/boot.hpp"
#include "daemon/domain_text.hpp"
#include "file/cluster_file.hpp"
#include "sim/simulate.hpp"

namespace haven::cli {

namespace {

// The exit code is that of the failure, already told.
tl::expected<std::string, int> read_input(const Output& output, const std::string& path, const std::string& kind) {
  auto text = daemon::read_file(path);
  if (text) return *text;
  return tl::unexpected(
      output.fail(trouble(kBadInput, text.error(), "", "the path of a " + kind + " that can be read")));
}

tl::expected<Spec, int> read_cluster(const Output& output, const std::string& path) {
  const auto text = read_input(output, path, "cluster file");
  if (!text) return tl::unexpected(text.error());
  std::map<std::string, std::string> domains;
  auto spec = file::parse_cluster(*text, path, file::Purpose::simulate, daemon::domain_files(domains));
  if (!spec) return tl::unexpected(output.fail(spec.error()));
  return std::move(*spec);
}

std::string in_words(const Shortage& shortage, const CheckOptions& options) {
  const std::string most = shortage.exact ? "" : "at most ";
  std::ostringstream text;
  text << std::setprecision(2) << "overbooked: the standby has too little memory for " << most << shortage.probability
       << " of all time, " << most;
  if (shortage.per_year > 0 && shortage.per_year < 0.5)
    text << "once in " << std::setprecision(3) << 1 / shortage.per_year << " years";
  else
    text << shortage.per_year << " times a year";
  text << "; there is enough while "
       << (shortage.survived == 0   ? std::string("no host is down")
           : shortage.survived == 1 ? std::string("one host is down, whichever")
                                    : std::to_string(shortage.survived) + " hosts are down, whichever")
       << " (if each host fails once in " << options.mtbf << " and is back after " << options.mttr
       << ", independently of the others)";
  return text.str();
}

}  // namespace

int check(const Output& output, const CheckOptions& options) {
  const auto mtbf = read_time(output, "--mtbf", options.mtbf);
  if (!mtbf) return mtbf.error();
  const auto mttr = read_time(output, "--mttr", options.mttr);
  if (!mttr) return mttr.error();
  const auto spec = read_cluster(output, options.file);
  if (!spec) return spec.error();
  const Admission admission = check_admission(*spec);
  std::vector<std::string> unprotected;
  for (const ResourceName& name : admission.unprotected) unprotected.push_back(name.str());

  output.line(admission.admitted
                  ? "admitted: everything that is started runs, and runs again after every choice of " +
                        (spec->cluster.reserve == 1 ? "one loss" : std::to_string(spec->cluster.reserve) + " losses")
                  : "not admitted");
  output.line("losses that are always survived: " + std::to_string(admission.max_losses));
  for (const auto& name : unprotected) output.line("would stay down in the worst case: " + name);
  for (const auto& reason : admission.reasons) output.line(reason);
  if (!admission.exact) output.line("(a bound was used: the truth may be better)");

  Json json = {{"admitted", admission.admitted},
               {"unprotected", unprotected},
               {"max_losses", admission.max_losses},
               {"reasons", admission.reasons}};
  if (!admission.exact) json["exact"] = false;
  if (spec->cluster.overbook > 1) {
    const Shortage shortage = shortage_of(*spec, {*mtbf, *mttr});
    output.line(in_words(shortage, options));
    json["overbook"] = {{"probability", shortage.probability},
                        {"per_year", shortage.per_year},
                        {"hosts_survived", shortage.survived},
                        {"mtbf", options.mtbf},
                        {"mttr", options.mttr},
                        {"exact", shortage.exact}};
  }
  output.object(json);
  return admission.admitted ? kDone : kNotAsWished;
}

int simulate(const Output& output, const SimulateRequest& request) {
  auto spec = read_cluster(output, request.file);
  if (!spec) return spec.error();
  sim::SimulateOptions options;
  options.spec = std::move(*spec);
  options.scenario_name = request.scenario;
  if (!request.scenario.empty()) {
    auto text = read_input(output, request.scenario, "scenario");
    if (!text) return text.error();
    options.scenario = std::move(*text);
  }
  options.seeds = request.seeds;
  options.first_seed = request.first_seed;
  options.hours = request.hours;
  options.jobs = request.jobs;
  options.vary = request.vary;
  if (!request.kill.empty()) options.kill = request.kill;
  options.json = output.json();
  return sim::run_simulate(options, std::cout, std::cerr);
}

}  // namespace haven::cli
