using RabbitMqBackup.Engine.Definitions;

namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of policies and operator policies.</summary>
internal sealed class PolicyCompleter() : DefinitionCompleter(document => document.Policies.Concat<DefinitionObject>(document.Parameters.Where(parameter => parameter.Component == "operator_policy")));
