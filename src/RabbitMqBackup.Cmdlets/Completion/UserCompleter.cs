namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of users.</summary>
internal sealed class UserCompleter() : DefinitionCompleter(document => document.Users);
