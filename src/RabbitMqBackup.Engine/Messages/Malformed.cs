using System.Diagnostics.CodeAnalysis;

namespace RabbitMqBackup.Engine.Messages;

/// <summary>The error for messages that are not built as their protocol says.</summary>
internal static class Malformed
{
    /// <summary>Throws.</summary>
    /// <param name="what">What is malformed, e.g. <c>property list of a message</c>.</param>
    /// <param name="position">At which byte of it.</param>
    /// <param name="complaint">Why.</param>
    [DoesNotReturn]
    internal static void Throw(string what, int position, string complaint) =>
        throw new RabbitBackupException(ErrorCode.SegmentCorrupt, $"The {what} is malformed at byte {position}: {complaint}.");
}
