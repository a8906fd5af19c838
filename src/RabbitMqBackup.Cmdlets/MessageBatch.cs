using RabbitMqBackup.Engine.Catalog;

namespace RabbitMqBackup.Cmdlets;

/// <summary>Messages on their way into a restore, gathered until publishing them together pays, and never more than memory should hold.</summary>
internal sealed class MessageBatch
{
    /// <summary>How many are gathered unless somebody says otherwise.</summary>
    internal const int DefaultSize = 20_000;

    private const long MaxBytes = 32 << 20;

    // What a message costs beside its body: properties, headers, the object itself.
    private const int Overhead = 1024;

    private List<BackupMessage> _messages = [];
    private long _bytes;

    /// <summary>Time to publish.</summary>
    internal bool IsFull(int size) => _messages.Count >= size || _bytes >= MaxBytes;

    /// <summary>Puts one more behind the others.</summary>
    internal void Add(BackupMessage message)
    {
        _messages.Add(message);
        _bytes += message.Body.Length + Overhead;
    }

    /// <summary>Hands out what was gathered and begins anew.</summary>
    internal IReadOnlyList<BackupMessage> Take()
    {
        IReadOnlyList<BackupMessage> taken = _messages;
        _messages = [];
        _bytes = 0;
        return taken;
    }
}
