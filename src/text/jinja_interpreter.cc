#include "text/jinja_interpreter.h"

#include <algorithm>

namespace sluice::text::jinja {

struct Macro final : Callable {
  const Stmt* stmt = nullptr;
  std::weak_ptr<Scope> scope;  // the interpreter owns it
  std::string_view type_name() const override { return "Macro"; }
  Result<Value> call(Interpreter& interpreter, const Args& args) override {
    return interpreter.run_macro(*stmt, scope.lock(), args);
  }
};

namespace {

struct Loop final : Attributed, std::enable_shared_from_this<Loop> {
  Value items;
  size_t index = 0;
  std::vector<Value> last_changed;
  bool has_changed = false;
  std::string_view type_name() const override { return "LoopContext"; }

  Value neighbour(bool exists, size_t at) const {
    return exists ? items.as_list().items[at] : Value::undefined("there is no such item");
  }

  Value attribute(Interpreter&, std::string_view name) override {
    const size_t size = items.as_list().items.size();
    const auto number = [](size_t n) { return Value::integer(static_cast<int64_t>(n)); };
    if (name == "index") return number(index + 1);
    if (name == "index0") return number(index);
    if (name == "revindex") return number(size - index);
    if (name == "revindex0") return number(size - index - 1);
    if (name == "first") return Value::boolean(index == 0);
    if (name == "last") return Value::boolean(index + 1 == size);
    if (name == "length") return number(size);
    if (name == "previtem") return neighbour(index > 0, index - 1);
    if (name == "nextitem") return neighbour(index + 1 < size, index + 1);
    if (name == "depth") return number(1);
    if (name == "depth0") return number(0);
    if (name == "cycle") return method(&Loop::cycle);
    if (name == "changed") return method(&Loop::changed);
    return Value::undefined("'loop' has no attribute '" + std::string(name) + "'");
  }

 private:
  using Member = Result<Value> (Loop::*)(Interpreter&, const Args&);
  struct Method final : Callable {
    std::shared_ptr<Loop> loop;
    Member member;
    std::string_view type_name() const override { return "method"; }
    Result<Value> call(Interpreter& interpreter, const Args& args) override {
      return ((*loop).*member)(interpreter, args);
    }
  };

  Value method(Member member) {
    auto bound = std::make_shared<Method>();
    bound->loop = shared_from_this();
    bound->member = member;
    return Value::object(std::move(bound));
  }

  Result<Value> cycle(Interpreter&, const Args& args) {
    if (args.positional.empty()) return type_error("no items for cycling given");
    return args.positional[index % args.positional.size()];
  }

  Result<Value> changed(Interpreter& interpreter, const Args& args) {
    bool same = has_changed && last_changed.size() == args.positional.size();
    for (size_t i = 0; same && i < last_changed.size(); ++i) {
      same = equal(last_changed[i], args.positional[i], interpreter.budget());
    }
    has_changed = true;
    last_changed = args.positional;
    return Value::boolean(!same);
  }
};

}  // namespace

class Interpreter::Deeper {
 public:
  explicit Deeper(Interpreter& interpreter) : depth_(interpreter.depth_) { ++depth_; }
  ~Deeper() { --depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
  bool too_deep() const { return depth_ > kRunDepthMax; }

 private:
  int& depth_;
};

std::unexpected<Error> type_error(std::string what) {
  return fail(Code::kInvalidArgument, "", std::move(what));
}

Interpreter::Interpreter(std::vector<std::pair<std::string, Value>> variables, Options options)
    : options_(options), globals_(std::make_shared<Scope>()) {
  globals_->variables = make_globals();
  auto inputs = std::make_shared<Scope>(globals_, std::move(variables));
  scope_ = std::make_shared<Scope>(std::move(inputs));
}

Interpreter::~Interpreter() {
  for (auto& each : captured_scopes_) each->variables.clear();
  for (auto& each : namespaces_) each->attributes.clear();
}

Result<Text> Interpreter::run(const Program& program) {
  Text out;
  out_ = &out;
  Result<Flow> flow = execute(program.body);
  out_ = nullptr;
  if (!flow) return std::unexpected(std::move(flow).error());
  return out;
}

Error Interpreter::limit_error() const {
  if (too_much_output_) {
    return {Code::kTooLarge, "", "the chat template prints more than its limit of output bytes",
            "send less text"};
  }
  if (options_.budget.out_of_bytes()) {
    return {Code::kTooLarge, "", "the chat template needs more memory than its limit",
            "send less text"};
  }
  return {Code::kTooLarge, "", "the chat template runs for more steps than its limit",
          "send fewer or shorter messages"};
}

Error Interpreter::located(Error error, Position position) const {
  if (error.where.empty()) error.where = describe(position);
  return error;
}

std::shared_ptr<Scope> Interpreter::enter(std::shared_ptr<Scope> parent) {
  budget().allocate(sizeof(Scope));
  return std::exchange(scope_, std::make_shared<Scope>(std::move(parent)));
}

void Interpreter::print(const Text& text) {
  if (!budget().allocate(text.bytes.size())) return;
  if (captures_ == 0 && out_->bytes.size() + text.bytes.size() > options_.output_bytes) {
    too_much_output_ = true;
    return;
  }
  out_->append(text);
}

Result<Interpreter::Flow> Interpreter::execute(const Block& block) {
  for (const auto& stmt : block) {
    const Deeper deeper(*this);
    budget().spend(1);
    Result<Flow> flow = deeper.too_deep()
                            ? Result<Flow>(type_error("the template recurses too deep"))
                            : execute(*stmt);
    if (flow && (too_much_output_ || budget().exhausted())) {
      flow = std::unexpected(limit_error());
    }
    if (!flow) return std::unexpected(located(std::move(flow).error(), stmt->position));
    if (*flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute(const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::kText: print(stmt.text.as_text()); break;
    case StmtKind::kPrint: {
      const Value value = TRY(evaluate(*stmt.expr));
      print(value.is_string() ? value.as_text() : text_of(value));
      break;
    }
    case StmtKind::kIf: return execute_if(stmt);
    case StmtKind::kFor: return execute_for(stmt);
    case StmtKind::kSet:
    case StmtKind::kSetBlock: TRY(execute_set(stmt)); break;
    case StmtKind::kMacro: set_variable(stmt.name, make_macro(stmt)); break;
    case StmtKind::kCallBlock: TRY(execute_call_block(stmt)); break;
    case StmtKind::kFilter: TRY(execute_filter(stmt)); break;
    case StmtKind::kWith: TRY(execute_with(stmt)); break;
    case StmtKind::kScope: return execute(stmt.body);
    case StmtKind::kBreak: return Flow::kBreak;
    case StmtKind::kContinue: return Flow::kContinue;
  }
  return Flow::kNext;
}

Result<Interpreter::Flow> Interpreter::execute_if(const Stmt& stmt) {
  for (const auto& [condition, body] : stmt.branches) {
    if (condition) {
      const Value value = TRY(evaluate(*condition));
      if (!value.truthy()) continue;
    }
    return execute(body);
  }
  return Flow::kNext;
}

Result<Value> Interpreter::loop_items(const Stmt& stmt) {
  const Value source = TRY(evaluate(*stmt.expr));
  Value items = TRY(iterate(source));
  if (!stmt.filter) return items;
  std::vector<Value> kept;
  const auto outer = enter(scope_);
  Status status;
  for (const Value& each : items.as_list().items) {
    scope_->variables.clear();
    status = assign(stmt.target, each);
    if (!status) break;
    Result<Value> keep = evaluate(*stmt.filter);
    if (!keep) status = std::unexpected(std::move(keep).error());
    if (!status) break;
    if (keep->truthy()) kept.push_back(each);
  }
  scope_ = outer;
  if (!status) return std::unexpected(std::move(status).error());
  return make_list(std::move(kept));
}

Result<Interpreter::Flow> Interpreter::execute_for(const Stmt& stmt) {
  const Value items = TRY(loop_items(stmt));
  if (items.as_list().items.empty()) {
    const auto outer = enter(scope_);
    auto flow = execute(stmt.other);
    scope_ = outer;
    return flow;
  }
  auto loop = std::make_shared<Loop>();
  loop->items = items;
  const auto outer = scope_;
  Result<Flow> flow = Flow::kNext;
  for (size_t i = 0; i < items.as_list().items.size(); ++i) {
    enter(outer);
    loop->index = i;
    scope_->variables.emplace_back("loop", Value::object(loop));
    if (Status status = assign(stmt.target, items.as_list().items[i]); !status) {
      flow = std::unexpected(std::move(status).error());
    } else {
      flow = execute(stmt.body);
    }
    if (!flow || *flow == Flow::kBreak) break;
  }
  loop->last_changed.clear();
  scope_ = outer;
  if (flow) flow = Flow::kNext;
  return flow;
}

Status Interpreter::execute_with(const Stmt& stmt) {
  std::vector<std::pair<std::string, Value>> variables;
  for (const auto& [name, expr] : stmt.parameters) {
    variables.emplace_back(name, TRY(evaluate(*expr)));
  }
  const auto outer = enter(scope_);
  scope_->variables = std::move(variables);
  const auto flow = execute(stmt.body);
  scope_ = outer;
  if (!flow) return std::unexpected(flow.error());
  return {};
}

Result<Value> Interpreter::captured(const Block& body) {
  Text text;
  Text* const outer_out = std::exchange(out_, &text);
  ++captures_;
  const auto outer = enter(scope_);
  const auto flow = execute(body);
  scope_ = outer;
  out_ = outer_out;
  --captures_;
  if (!flow) return std::unexpected(flow.error());
  return Value::string(std::move(text));
}

Result<Value> Interpreter::filtered(const Expr* chain, Value input) {
  if (chain == nullptr) return input;
  const Value* const outer = std::exchange(filter_input_, &input);
  auto result = evaluate(*chain);
  filter_input_ = outer;
  return result;
}

Status Interpreter::execute_set(const Stmt& stmt) {
  if (stmt.kind == StmtKind::kSet) return assign(stmt.target, TRY(evaluate(*stmt.expr)));
  Value text = TRY(captured(stmt.body));
  return assign(stmt.target, TRY(filtered(stmt.expr.get(), std::move(text))));
}

Status Interpreter::execute_filter(const Stmt& stmt) {
  Value text = TRY(captured(stmt.body));
  const Value result = TRY(filtered(stmt.expr.get(), std::move(text)));
  print(text_of(result));
  return {};
}

Status Interpreter::execute_call_block(const Stmt& stmt) {
  const Value callee = TRY(evaluate(*stmt.expr->items[0]));
  Args args = TRY(evaluate_arguments(*stmt.expr));
  args.named.emplace_back("caller", make_macro(stmt));
  const Value result = TRY(call(callee, args));
  print(text_of(result));
  return {};
}

Value Interpreter::make_macro(const Stmt& stmt) {
  auto macro = std::make_shared<Macro>();
  macro->stmt = &stmt;
  macro->scope = scope_;
  budget().allocate(sizeof(Macro));
  if (captured_scopes_.empty() || captured_scopes_.back() != scope_) {
    captured_scopes_.push_back(scope_);
  }
  return Value::object(std::move(macro));
}

Result<Value> Interpreter::run_macro(const Stmt& macro, const std::shared_ptr<Scope>& scope,
                                     const Args& args) {
  std::vector<std::pair<std::string, Value>> named = args.named;
  const auto take = [&](std::string_view name, Value& value) {
    const auto found = std::ranges::find(named, name, &std::pair<std::string, Value>::first);
    if (found == named.end()) return false;
    value = std::move(found->second);
    named.erase(found);
    return true;
  };
  const auto outer = enter(scope);
  const auto bind = [&]() -> Status {
    for (size_t i = 0; i < macro.parameters.size(); ++i) {
      const auto& [name, fallback] = macro.parameters[i];
      Value value;
      if (i < args.positional.size()) {
        value = args.positional[i];
      } else if (!take(name, value)) {
        value = fallback ? TRY(evaluate(*fallback))
                         : Value::undefined("parameter '" + name + "' was not provided");
      }
      scope_->variables.emplace_back(name, std::move(value));
    }
    Value caller = Value::undefined("no caller is defined");
    take("caller", caller);
    if (macro.uses_caller) {
      scope_->variables.emplace_back("caller", caller);
    } else if (!caller.is_undefined()) {
      return type_error("the macro '" + macro.name + "' takes no caller");
    }
    const size_t used = std::min(args.positional.size(), macro.parameters.size());
    std::vector<Value> extra(args.positional.begin() + static_cast<ptrdiff_t>(used),
                             args.positional.end());
    if (!extra.empty() && !macro.uses_varargs) {
      return type_error("the macro '" + macro.name + "' takes not more than " +
                        std::to_string(macro.parameters.size()) + " arguments");
    }
    if (!named.empty() && !macro.uses_kwargs) {
      return type_error("the macro '" + macro.name + "' takes no keyword argument '" +
                        named[0].first + "'");
    }
    if (macro.uses_varargs) {
      scope_->variables.emplace_back("varargs",
                                     TRY(make_list(std::move(extra), Value::ListKind::kTuple)));
    }
    if (macro.uses_kwargs) {
      std::vector<Value::Item> items;
      for (auto& [name, value] : named) {
        items.emplace_back(Value::string(name, Trust::kTemplate), value);
      }
      scope_->variables.emplace_back("kwargs", TRY(make_dict(std::move(items))));
    }
    return {};
  };
  const Status bound = bind();
  Result<Value> result = bound ? captured(macro.body) : std::unexpected(bound.error());
  scope_ = outer;
  return result;
}

Status Interpreter::assign(const Target& target, const Value& value) {
  if (!target.tuple.empty()) {
    const Value items = TRY(iterate(value));
    if (items.as_list().items.size() != target.tuple.size()) {
      return type_error("cannot unpack " + std::to_string(items.as_list().items.size()) +
                        " values into " + std::to_string(target.tuple.size()) + " names");
    }
    for (size_t i = 0; i < target.tuple.size(); ++i) {
      TRY(assign(target.tuple[i], items.as_list().items[i]));
    }
    return {};
  }
  if (target.attribute.empty()) {
    set_variable(target.name, value);
    return {};
  }
  const Value holder = lookup(target.name);
  auto* space = dynamic_cast<Namespace*>(holder.as_object());
  if (space == nullptr) return type_error("cannot assign attribute on non-namespace object");
  const auto found =
      std::ranges::find(space->attributes, target.attribute, &std::pair<std::string, Value>::first);
  if (found != space->attributes.end()) {
    found->second = value;
  } else {
    budget().allocate(sizeof(Value) + target.attribute.size());
    space->attributes.emplace_back(target.attribute, value);
  }
  return {};
}

void Interpreter::set_variable(std::string_view name, Value value) {
  for (auto& [known, old] : scope_->variables) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  budget().allocate(sizeof(Value) + name.size());
  scope_->variables.emplace_back(name, std::move(value));
}

Result<Value> Interpreter::call(const Value& callee, const Args& args) {
  const Deeper deeper(*this);
  if (deeper.too_deep()) return type_error("the template recurses too deep");
  if (callee.is_undefined()) return type_error(callee.hint());
  auto* callable = dynamic_cast<Callable*>(callee.as_object());
  if (callable == nullptr) {
    return type_error("'" + std::string(callee.type_name()) + "' object is not callable");
  }
  return callable->call(*this, args);
}

}  // namespace sluice::text::jinja
