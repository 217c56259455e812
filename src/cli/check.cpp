// check: does everything still run after every choice of losses?
#include "cli/commands.hpp"
#include "core/placement/admission.hpp"
#include "daemon/boot.hpp"
#include "daemon/domain_text.hpp"
#include "file/cluster_file.hpp"

namespace haven::cli {

int check(const Output& output, const std::string& file) {
  const auto text = daemon::read_file(file);
  if (!text) {
    return output.fail(trouble(kBadInput, text.error(), "", "the path of a cluster file that can be read"));
  }
  std::map<std::string, std::string> domains;
  const auto spec = file::parse_cluster(*text, file, file::Purpose::simulate, daemon::domain_files(domains));
  if (!spec) return output.fail(spec.error());
  const Admission admission = check_admission(*spec);
  std::vector<std::string> unprotected;
  for (const ResourceName& name : admission.unprotected) unprotected.push_back(name.str());

  output.line(admission.admitted ? "admitted: everything that is started runs, and runs again after every choice of " +
                                       std::to_string(spec->cluster.reserve) + " loss(es)"
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
  output.object(json);
  return admission.admitted ? kDone : kNotAsWished;
}

}  // namespace haven::cli
