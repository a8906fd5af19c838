namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of parameters of components.</summary>
internal sealed class ParameterCompleter() : DefinitionCompleter(document => document.Parameters);
