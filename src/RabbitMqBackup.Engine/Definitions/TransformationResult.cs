namespace RabbitMqBackup.Engine.Definitions;

/// <summary>Transformed definitions.</summary>
/// <param name="Document">As they are now.</param>
/// <param name="Changes">What was changed.</param>
public sealed record TransformationResult(DefinitionsDocument Document, IReadOnlyList<TransformationChange> Changes);
