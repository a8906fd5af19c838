namespace RabbitMqBackup.Engine.Broker;

/// <summary>A user as the management API knows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Tags">Its tags.</param>
internal sealed record ManagementUser(string Name, IReadOnlyList<string> Tags)
{
    /// <summary>It may do everything.</summary>
    internal bool IsAdministrator => Tags.Contains("administrator");
}
