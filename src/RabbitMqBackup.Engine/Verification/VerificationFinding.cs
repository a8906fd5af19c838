namespace RabbitMqBackup.Engine.Verification;

/// <summary>One thing that a check found.</summary>
/// <param name="IsError">Something is missing or damaged; false for a remark (a partial backup, records out of time order).</param>
/// <param name="Code">For scripts, e.g. <c>SegmentCorrupt</c>.</param>
/// <param name="Object">The object's path, or empty.</param>
/// <param name="Message">For people, with the position where there is one.</param>
public sealed record VerificationFinding(bool IsError, string Code, string Object, string Message)
{
    /// <inheritdoc/>
    public override string ToString() => Object.Length == 0 ? Message : $"{Object}: {Message}";
}
