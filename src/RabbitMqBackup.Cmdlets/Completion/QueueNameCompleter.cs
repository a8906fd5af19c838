namespace RabbitMqBackup.Cmdlets.Completion;

/// <summary>Completes names of queues.</summary>
internal sealed class QueueNameCompleter() : QueueCompleter(queue => queue.Name);
