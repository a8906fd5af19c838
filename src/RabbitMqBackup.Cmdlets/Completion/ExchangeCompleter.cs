namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of exchanges.</summary>
internal sealed class ExchangeCompleter() : DefinitionCompleter(document => document.Exchanges);
